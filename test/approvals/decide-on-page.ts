import type { Browser, Page } from 'playwright-core'
import type { Verdict } from '../../src/approvals/contract.ts'
import type { People } from './rig.ts'

/** Of a link that a channel shows: a restarted gateway of the tests has another port than the one that made it. */
export function pathOf(url: string): string {
  return new URL(url).pathname
}

/** The page behind a link, in a browser of somebody's own who signs in on the way. Its context is to be closed. */
export async function followLink(
  browser: Browser,
  people: People,
  user: string,
  link: string,
): Promise<Page> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: false })
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  const address = people.up.url + pathOf(link)
  await page.goto(address)
  await page.getByRole('link', { name: 'Sign in with corp' }).click()
  await page.locator(`button[value="${user}"]`).click()
  await page.waitForURL(address)
  return page
}

/** Somebody follows the link to an approval, reads, and says yes or no with a reason. */
export async function decideOnPage(
  browser: Browser,
  people: People,
  user: string,
  { link, verdict, reason }: { readonly link: string; readonly verdict: Verdict; readonly reason: string },
): Promise<void> {
  const page = await followLink(browser, people, user, link)
  if (verdict === 'approve') await page.getByRole('link', { name: 'Approve…' }).click()
  const label = verdict === 'approve' ? /^Reason \(optional/ : /^Reason for a denial/
  await page.getByLabel(label).fill(reason)
  await page.getByRole('button', { name: verdict === 'approve' ? 'Approve' : 'Deny' }).click()
  await page.getByText(verdict === 'approve' ? /^Approved\./ : /^Denied/).waitFor()
  await page.context().close()
}
