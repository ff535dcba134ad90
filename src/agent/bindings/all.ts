/** Like Promise.all, but none of them is still under way when it rejects: what they asked for is in the books by then. */
export async function all<T>(works: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(works)
  return results.map(result => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}
