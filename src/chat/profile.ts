/** What the owner says of a chat: its title, their own name, and who can create links. */

/** `anyone`: the URL of the chat is enough. */
export type Invites = 'anyone' | 'members'

export interface Profile {
  readonly title: string | null
  readonly ownerName: string | null
  /** Null until the owner chooses or removes somebody. */
  readonly invites: Invites | null
}

/** What the members are told of. */
export type ToldProfile = Omit<Profile, 'invites'>

export const NO_PROFILE: Profile = { title: null, ownerName: null, invites: null }

/** A member that is undefined stays as it is. */
export type ProfileChange = { readonly [Name in keyof Profile]?: Profile[Name] | undefined }

export function invitesOf({ invites }: Profile): Invites {
  return invites ?? 'anyone'
}

/** The same object if nothing changes. */
export function changedProfile(profile: Profile, change: ProfileChange): Profile {
  const next = { ...profile, ...Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) }
  return isToldAlike(profile, next) && profile.invites === next.invites ? profile : next
}

export function toldProfile({ title, ownerName }: Profile): ToldProfile {
  return { title, ownerName }
}

/** Whether the members are told the same of both. */
export function isToldAlike(one: Profile, other: Profile): boolean {
  return one.title === other.title && one.ownerName === other.ownerName
}
