import assert from 'node:assert/strict'
import type { Browser } from 'playwright-core'
import type { People } from './rig.ts'

/**
 * Somebody links his account of a channel that can tell nobody in private: gets a code on the page, writes it there, signs in once
 * more, and confirms.
 */
export async function linkByCode(
  browser: Browser,
  people: People,
  channel: string,
  user: string,
  write: (code: string) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: false })
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  await page.goto(`${people.up.url}/approvals/links`)
  await page.getByRole('link', { name: 'Sign in with corp' }).click()
  await page.locator(`button[value="${user}"]`).click()
  await page.getByRole('button', { name: `Get a code for channel ${channel}` }).click()
  await write((await page.locator('pre').textContent())!)
  await page.getByRole('link', { name: 'Written: go on' }).click()
  const deadline = Date.now() + 90_000
  const again = page.getByRole('link', { name: 'Look again' })
  while ((await again.count()) > 0) {
    assert.ok(Date.now() < deadline, 'the code was not read')
    await again.click()
  }
  await page.getByRole('heading', { name: 'Is this your account?' }).waitFor()
  await page.getByRole('link', { name: 'Sign in again' }).click()
  await page.getByRole('link', { name: 'Sign in with corp' }).click()
  await page.locator(`button[value="${user}"]`).click()
  await page.getByRole('button', { name: 'Link it to me' }).waitFor()
  const words = (await page.locator('main').textContent()) ?? ''
  assert.match(words, new RegExp(`corp:user-${user}`))
  await page.getByRole('button', { name: 'Link it to me' }).click()
  await page.getByRole('heading', { name: 'My accounts in channels' }).waitFor()
  await context.close()
}
