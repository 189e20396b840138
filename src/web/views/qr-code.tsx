/** A QR code, drawn as one path; dark on light in both colour schemes, because many cameras read no inverted codes. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { QrCodeGenerateResult } from 'uqr'

/** What draws it is loaded when it is needed for the first time. Without a network there is no code: the link can be copied. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const code = useSignal<QrCodeGenerateResult | undefined>(undefined)
  useEffect(() => {
    let isCurrent = true
    const draw = ({ encode }: typeof import('uqr')): void => {
      if (isCurrent) code.value = encode(text, { ecc: 'M', border: 2 })
    }
    import('uqr').then(draw, () => undefined)
    return () => {
      isCurrent = false
    }
  }, [text])
  if (code.value === undefined) return <div class="qr" />
  const { data, size } = code.value
  const path = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : []))).join('')
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <path fill="#fff" d={`M0 0h${size}v${size}h-${size}z`} />
      <path fill="#000" d={path} />
    </svg>
  )
}
