import { type Anchor, anyCase, type Detector, exactly, isAlphanumeric, matchAt } from './detector.ts'
import { looksRandom } from './words.ts'

/** A token whose maker gave it a prefix: the pattern begins where the anchor begins. Group 1, if any, is the secret. */
function prefixed(
  name: string,
  about: string,
  anchors: readonly Anchor[],
  pattern: RegExp,
  options: { readonly alone?: boolean; readonly random?: boolean } = {},
): Detector {
  return {
    name,
    about,
    personal: false,
    anchors,
    look(text, at, behind, spans) {
      if (at < behind || (options.alone === true && isGlued(text, at))) return
      const found = matchAt(pattern, text, at)
      if (found === null) return
      const secret = found[1] ?? found[0]
      if (options.random === true && !looksRandom(secret)) return
      const end = at + found[0].length
      spans.push(end - secret.length, end)
    },
    possible(text, at) {
      return matchAt(pattern, text, at) !== null
    },
  }
}

/** A letter or digit stands directly before; the `n` of a written-out `\n` does not count. */
export function isGlued(text: string, at: number): boolean {
  if (at === 0 || !isAlphanumeric(text.charCodeAt(at - 1))) return false
  return !(text[at - 2] === '\\' && /[nrtbf]/.test(text[at - 1]!))
}

export const knownTokens: readonly Detector[] = [
  prefixed(
    'github-token',
    'GitHub: personal, OAuth, app, refresh and fine-grained tokens',
    exactly('gh[pousr]_', 'github_pat_'),
    /(?:gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255})/y,
  ),
  prefixed(
    'gitlab-token',
    'GitLab: personal, deploy, runner, job, trigger and feed tokens',
    exactly(
      'glpat-',
      'gldt-',
      'glrt-',
      'glcbt-',
      'glptt-',
      'glft-',
      'glagent-',
      'gloas-',
      'glimt-',
      'glsoat-',
      'glffct-',
      'glwt-',
      'GR1348941',
    ),
    /(?:gl(?:pat|dt|rt|cbt|ptt|ft|agent|oas|imt|soat|ffct|wt)-[\w.-]{20,512}|GR1348941[\w-]{20,64})/y,
  ),
  prefixed(
    'slack-token',
    'Slack: bot, user, app and workflow tokens, addresses of incoming webhooks',
    exactly('xox[a-z]', 'xapp-', 'hooks.slack'),
    /(?:xox[a-z](?:\.xox[a-z])?-[\w-]{10,512}|xapp-\d-[\w-]{10,512}|hooks\.slack(?:-gov)?\.com\/(?:services|workflows|triggers)\/([\w/+-]{10,256}))/y,
  ),
  prefixed(
    'chat-webhook',
    'Discord and Microsoft Teams: addresses of webhooks',
    exactly('/api/webhooks/', 'webhook.office'),
    /(?:\/api\/webhooks\/\d{10,24}\/([\w-]{20,128})|webhook\.office(?:365)?\.com\/webhookb2\/([\w@/-]{20,512}))/y,
  ),
  prefixed(
    'stripe-key',
    'Stripe: secret and restricted keys, webhook secrets',
    exactly('[sr]k_live_', '[sr]k_test_', 'whsec_'),
    /(?:[sr]k_(?:live|test)_[A-Za-z0-9]{10,256}|whsec_[A-Za-z0-9+/=_-]{20,256})/y,
  ),
  prefixed(
    'package-registry-token',
    'npm, PyPI, RubyGems, NuGet, crates.io, Docker Hub, JFrog',
    exactly('npm_', 'pypi-', 'rubygems_', 'oy2[a-z0-9]', 'cio[A-Z0-9]', 'dckr_', 'AKCp', 'cmVmdGtu'),
    /(?:npm_[A-Za-z0-9]{30,64}|pypi-[A-Za-z0-9_-]{50,512}|rubygems_[0-9a-f]{40,64}|oy2[a-z0-9]{43}|cio[A-Za-z0-9]{32}|dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,64}|AKCp[A-Za-z0-9]{60,80}|cmVmdGtu[A-Za-z0-9]{50,64})(?![A-Za-z0-9])/y,
    { alone: true, random: true },
  ),
  prefixed(
    'vault-token',
    'HashiCorp: Vault service, batch and recovery tokens',
    exactly('hvs.', 'hvb.', 'hvr.', 'b.AAAAAQ'),
    /(?:hv[sbr]\.[A-Za-z0-9_-]{20,512}|b\.AAAAAQ[A-Za-z0-9_-]{80,400})/y,
    { alone: true, random: true },
  ),
  {
    name: 'terraform-token',
    about: 'HashiCorp: Terraform Cloud tokens',
    personal: false,
    anchors: exactly('.atlasv1.'),
    look(text, at, _behind, spans) {
      const before = /[A-Za-z0-9]{10,20}$/.exec(text.slice(Math.max(0, at - 20), at))
      const after = matchAt(/\.atlasv1\.[\w-]{40,128}/y, text, at)
      if (before !== null && after !== null) spans.push(at - before[0].length, at + after[0].length)
    },
  },
  prefixed(
    'age-key',
    'age: secret keys',
    anyCase('age-secret-key-'),
    /AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{40,4096}/iy,
  ),
  prefixed(
    'openai-key',
    'makers of language models: OpenAI, Anthropic, Hugging Face, Replicate, Groq and others',
    exactly(
      'sk-[A-Za-z0-9]',
      'hf_[A-Za-z]',
      'r8_[A-Za-z0-9]',
      'gsk_[A-Za-z0-9]',
      'xai-[A-Za-z0-9]',
      'pplx-',
      'nvapi-',
    ),
    /(?:sk-[A-Za-z0-9_-]{20,256}|hf_[A-Za-z0-9]{30,64}|r8_[A-Za-z0-9]{36,64}|gsk_[A-Za-z0-9]{40,64}|xai-[A-Za-z0-9]{60,128}|pplx-[A-Za-z0-9]{40,64}|nvapi-[\w-]{50,128})/y,
    { alone: true, random: true },
  ),
  prefixed(
    'saas-token',
    'tokens with a known prefix of some fifty other services',
    exactly(
      'dop_v1_',
      'do[or]_v1_',
      'shpat_',
      'shpca_',
      'shppa_',
      'shpss_',
      'shpua_',
      'SG.',
      'lin_api_',
      'PMAK-',
      'glsa_',
      'glc_ey',
      'NRAK-',
      'NRII-',
      'dapi[0-9a-f]',
      'ATATT3',
      'ATCTT3',
      'ATBB',
      'figd_',
      'sntry[su]_',
      'pul-[0-9a-f]',
      'sq0',
      'EAAA[A-Za-z0-9]',
      'fo1_',
      'FlyV1 ',
      'rdme_',
      'dp.pt.',
      'dp.st.',
      'dp.ct.',
      'dp.sa.',
      'dp.scim.',
      'dp.audit.',
      'ops_eyJ',
      'tskey-',
      'xkeysib-',
      'sbp_[0-9a-f]',
      'CLOJARS_',
      'sha256~',
      'ory_',
      'vercel_',
      'pnu_',
      'waka_',
      'SK[0-9a-f][0-9a-f]',
      'key-[0-9a-f]',
      'pscale_',
      'cf[ua]_',
      'ddapi',
      'phc_',
      'phx_',
      'rnd_',
      'tfp_',
      'doppler_',
      'secret_[A-Za-z0-9]',
      'ntn_',
      'pat[A-Z0-9]',
      'nvd_',
      'bkua_',
      'CCIPAT_',
      'CFPAT-',
      'EZ[AT]K',
      'HRKU-',
      'amzn.mws.',
      'live_[A-Za-z0-9]',
    ),
    /(?:do[por]_v1_[0-9a-f]{40,80}|shp(?:at|ca|pa|ss|ua)_[0-9a-fA-F]{32,64}|SG\.[\w-]{16,32}\.[\w-]{16,64}|lin_api_[A-Za-z0-9]{32,64}|PMAK-[0-9a-f]{20,32}-[0-9a-f]{30,40}|glsa_[A-Za-z0-9_]{30,64}|glc_eyJ[A-Za-z0-9+/=]{30,400}|NRAK-[A-Z0-9]{20,40}|NRII-[\w-]{20,40}|dapi[0-9a-f]{32}(?:-\d)?|AT[AC]TT3[\w=-]{50,400}|ATBB[A-Za-z0-9]{24,40}|figd_[\w-]{30,64}|sntry[su]_[A-Za-z0-9+/=_-]{40,512}|pul-[0-9a-f]{40}|sq0[a-z]{3}-[\w-]{22,64}|EAAA[\w-]{58,64}|fo1_[\w-]{30,64}|FlyV1 fm\d_[\w+/=,-]{30,4096}|rdme_[a-z0-9]{40,80}|dp\.[a-z]{2,6}\.[\w.-]{30,80}|ops_eyJ[\w-]{40,4096}|tskey-[a-z]{2,12}-[\w-]{16,80}|xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}|sbp_[0-9a-f]{40}|CLOJARS_[0-9a-z]{60}|sha256~[\w-]{43}|ory_[a-z]{2}_[\w.-]{20,128}|vercel_[\w-]{20,64}|pnu_[A-Za-z0-9]{30,40}|waka_[0-9a-f-]{36}|SK[0-9a-f]{32}|key-[0-9a-f]{32}|pscale_(?:tkn|pw|oauth)_[\w.-]{30,64}|cf[ua]_[A-Za-z0-9_-]{36,64}|ph[cx]_[A-Za-z0-9]{40,50}|rnd_[A-Za-z0-9]{28,36}|tfp_[A-Za-z0-9_]{40,64}|secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{40,60}|pat[A-Za-z0-9]{14}\.[0-9a-f]{64}|bkua_[0-9a-f]{40}|CCIPAT_[A-Za-z0-9_]{30,80}|CFPAT-[\w-]{40,50}|EZ[AT]K[0-9a-f]{54}|HRKU-[A-Za-z0-9_-]{36,64}|amzn\.mws\.[0-9a-f-]{36}|live_[A-Za-z0-9]{40,64})(?![A-Za-z0-9])/y,
    { alone: true, random: true },
  ),
  prefixed(
    'nats-seed',
    'NATS: seeds of keys',
    exactly('S[ACNOUX]A[A-Z2-7]'),
    /S[ACNOUX]A[A-Z2-7]{55}(?![A-Z2-7])/y,
    { alone: true, random: true },
  ),
  {
    name: 'telegram-token',
    about: 'Telegram: tokens of bots',
    personal: false,
    anchors: exactly(':AA[A-Za-z0-9_-]'),
    look(text, at, _behind, spans) {
      const before = /(?<!\d)\d{8,10}$/.exec(text.slice(Math.max(0, at - 12), at))
      const after = matchAt(/:AA[\w-]{32,34}(?![\w-])/y, text, at)
      if (before !== null && after !== null) spans.push(at - before[0].length, at + after[0].length)
    },
  },
]

const BOOTSTRAP = /\.([a-z0-9]{16})(?![A-Za-z0-9_.-])/y

/** `abcdef.0123456789abcdef`; nothing in it has a fixed letter but the dot, so it must look random and stand alone. */
export const bootstrapToken: Detector = {
  name: 'bootstrap-token',
  about: 'Kubernetes: bootstrap tokens',
  personal: false,
  anchors: exactly('.[a-z0-9][a-z0-9][a-z0-9]'),
  possible: (text, at) =>
    at >= 6 &&
    isAlphanumeric(text.charCodeAt(at + 16)) &&
    isAlphanumeric(text.charCodeAt(at - 6)) &&
    matchAt(BOOTSTRAP, text, at) !== null,
  look(text, at, _behind, spans) {
    if (at < 6) return
    const after = matchAt(BOOTSTRAP, text, at)
    if (after === null || !/^[a-z0-9]{6}$/.test(text.slice(at - 6, at))) return
    const glued = at > 6 && /[A-Za-z0-9_./-]/.test(text[at - 7]!) && isGlued(text, at - 6)
    if (glued || (at > 6 && /[_./-]/.test(text[at - 7]!))) return
    if (/\d/.test(after[1]!) && /[a-z]/.test(after[1]!) && looksRandom(after[1]!)) spans.push(at - 6, at + 17)
  },
}
