// The pages work without this. With it, one that shows an approval is shown anew when somebody has decided.
const watched = document.querySelector('main[data-watch]')

async function watch(path) {
  for (;;) {
    const answer = await fetch(path, { headers: { accept: 'application/json' } })
    if (!answer.ok) return
    const { changed } = await answer.json()
    if (!changed) continue
    const typed = [...document.querySelectorAll('textarea')].some(field => field.value !== '')
    // What somebody is writing is not taken away.
    if (typed) document.querySelector('#news').textContent = 'Something has changed: load this page again.'
    else location.reload()
    return
  }
}

if (watched) watch(watched.dataset.watch).catch(() => {})
