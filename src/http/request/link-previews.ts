/**
 * User agents of mail and chat programs that fetch a link to show a preview of it. They must not knock. Only agents that
 * identify themselves as such; never curl or a general list of bots, because a bot can be a guest. An agent that is not
 * listed gets the page if it asks for HTML.
 */
const PREVIEW_AGENTS = [
  // Facebook, Messenger, Instagram, and by the same name iMessage, LINE and KakaoTalk:
  // https://developers.facebook.com/docs/sharing/webmasters/crawler
  'facebookexternalhit/',
  // WhatsApp, and Signal by its name: Signal-Desktop, ts/linkPreviews/linkPreviewFetch.ts
  'whatsapp/2',
  // Telegram: "TelegramBot (like TwitterBot)", https://github.com/shon/httpagentparser/pull/78
  'telegrambot (like',
  // Slack: https://api.slack.com/robots
  'slackbot-linkexpanding',
  'slack-imgproxy',
  // Microsoft Teams and Skype: https://opengraphplus.com/consumers/teams/crawling
  'skypeuripreview',
  // Discord's fetcher; its API clients call themselves "DiscordBot (": https://plainsignal.com/agents/discordbot
  'discordbot/',
  // X: https://developer.x.com/en/docs/x-for-websites/cards/guides/getting-started
  'twitterbot/',
  // LinkedIn messages: https://darkvisitors.com/agents/linkedinbot
  'linkedinbot/',
  // Snapchat: https://developers.snap.com/robots
  'snap url preview service',
  // Matrix: element-hq/synapse, synapse/media/url_previewer.py
  'synapse (bot',
  // Zulip: zulip/zulip, zerver/lib/url_preview/preview.py
  'zulipurlpreview/',
  // Mattermost: mattermost/mattermost, server/public/shared/httpservice/client.go
  'mattermost-bot/',
  // Mastodon: mastodon/mastodon, lib/mastodon/version.rb
  'mastodon/',
  // Iframely, which many programs fetch through: https://iframely.com/docs/about
  'iframely/'
]

export function isLinkPreview(userAgent: string | undefined): boolean {
  if (userAgent === undefined) return false
  const agent = userAgent.toLowerCase()
  return PREVIEW_AGENTS.some((name) => agent.includes(name))
}
