/** Rows of one page at most. */
export const SEARCH_LIMIT = 500

/** Entries of one call that `show` opens at most; a watch of days has more, and says so. */
export const ENTRIES_SHOWN = 200
