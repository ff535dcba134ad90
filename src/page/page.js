// The pages work without this. With it, one that shows an approval is shown anew when there is news of it.
const watched = document.querySelector('main[data-watch]')
const news = document.querySelector('#news')
const RELOADED = 'sallyport: loaded anew'

async function watch(path) {
  for (;;) {
    const answer = await fetch(path, { headers: { accept: 'application/json' } })
    if (!answer.ok) return
    const { changed } = await answer.json()
    if (changed) return tell()
  }
}

function tell() {
  const fields = [...document.querySelectorAll('main textarea, main input:not([type=hidden])')]
  const isTyped = fields.some(field => field.value !== '')
  const isUsed = watched !== document.activeElement && watched.contains(document.activeElement)
  // What somebody is writing, or where his keyboard is, is not taken away: it is said.
  if (isTyped || isUsed) {
    news.textContent = 'Something has changed: load this page again.'
    return
  }
  sessionStorage.setItem(RELOADED, location.pathname)
  location.reload()
}

// Who hears the page hears why it was loaded again: put there afterwards, or nobody would say it.
if (sessionStorage.getItem(RELOADED) === location.pathname) {
  sessionStorage.removeItem(RELOADED)
  setTimeout(() => (news.textContent = 'Something has changed: this page was loaded again.'), 500)
}
if (watched) watch(watched.dataset.watch).catch(() => {})
