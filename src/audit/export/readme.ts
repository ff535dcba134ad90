/** What stands beside the log in an archive, for whoever checks it. */
export function readme(origin: string, size: number, cosigned: boolean, records: boolean): string {
  return `# Audit log ${origin}

${size} entries, exported as of one checkpoint. To check it you need Node 22 or later, nothing else, and no network:

    node verify.mjs log --vkey KEY --live

KEY is the verifier key of the log. Ask somebody you trust for it; the copy in \`log/log.vkey\` came with the log and
proves only that the log agrees with itself. \`--live\` allows calls that were under way when the checkpoint was made.

${
  cosigned
    ? `Witnesses have cosigned this log. With their verifier keys, which you get from those who run them:

    node verify.mjs log --vkey KEY --witness WITNESS-KEY --live

A witness also gives out what it has seen (\`GET /<SHA-256 of the origin in hex>/checkpoint\`). Keep that file and add
\`--old-checkpoint FILE\`: it counts even if cosignatures were taken out of this archive.`
    : `No witness has cosigned this log. Only a checkpoint that you kept from earlier shows whether the holder of the log's
key has rewritten it: add \`--old-checkpoint FILE\`.`
}

Keep \`log/checkpoint\` for next time. Exit status 0: all checks passed; 6: one failed; 2: wrong use.

The log is in the form of C2SP tlog-tiles, so other tools can check it too. Each entry is a commitment without names.
${
  records
    ? `Names, requests and answers are in \`log/segments\`, encrypted. The check compares them with the commitments as they
are; with the gateway's key-encryption key, \`--keys FILE\` also opens them.`
    : 'Names, requests and answers are not part of this archive.'
}
The archive always holds all entries from the first on: a part of a tree cannot be checked against its root. For single
calls there are proofs: \`sallyport audit proof ID\`.
`
}
