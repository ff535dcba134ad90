/** Page, first line and reason of each `console` block: what no test can run here. */
export const notRun: readonly (readonly [page: string, line: string, reason: string])[] = [
  [
    'README.md',
    'npm start',
    'takes the default port; test/e2e/first-minutes.test.ts starts the same on a free one',
  ],
  ['README.md', 'npm test', 'would start itself: it runs this very test'],
  [
    'docs/start/first-minutes.md',
    'npm start',
    'takes the default port; the fixture starts the same on a free one, test/e2e/first-minutes.test.ts pastes each printed line',
  ],
  [
    'docs/start/kubectl.md',
    'sallyport login --gateway https://sallyport.example.com --ca-file sallyport-ca.crt',
    'needs an issuer and a browser; test/e2e/oidc.test.ts signs in with a real issuer and plays the browser',
  ],
  [
    'docs/start/pods.md',
    'kubectl -n shop create configmap sallyport-ca --from-file=ca.crt=data/pki/ca.crt',
    'needs a name for the gateway in the DNS of a cluster; test/e2e/pod.test.ts runs the same pod with a mounted /etc/hosts',
  ],
  [
    'docs/security/reveal.md',
    'sallyport reveal open ID --identity identity.txt',
    'needs a second person, whom the gateway of the first minutes does not have; test/audit/reveal.test.ts runs both lines with people and an identity',
  ],
  ['docs/operate/install.md', 'npm ci', 'installs packages and links a command for the whole machine'],
  [
    'docs/operate/install.md',
    'sallyport up --config-dir /etc/sallyport --data-dir /var/lib/sallyport --listen sallyport.example.com:8443 --log-level info',
    'folders and an address of a server; docs/start/your-own-cluster.md runs the same in a folder',
  ],
  [
    'docs/operate/install.md',
    'sallyport agent run --config /etc/sallyport/agent.yaml',
    'a folder of a server; docs/start/remote-agent.md runs the same',
  ],
  [
    'docs/operate/key-encryption.md',
    "sallyport up --key-encryption 'aws-kms:alias/sallyport?region=eu-central-1' --former-key-encryption file:/run/secrets/kek",
    'needs a key service; test/full/kms.test.ts asks one',
  ],
  [
    'docs/operate/key-encryption.md',
    "sallyport keys rewrap --data-dir /var/lib/sallyport --from file:/run/secrets/kek --to 'aws-kms:alias/sallyport?region=eu-central-1'",
    'needs a key service; src/cli/keys-rewrap.test.ts does the same with key files',
  ],
  [
    'docs/operate/key-encryption.md',
    "sallyport verify /var/lib/sallyport/log --keys 'aws-kms:alias/sallyport?region=eu-central-1'",
    'needs a key service; test/full/kms.test.ts asks one',
  ],
  [
    'docs/operate/postgresql.md',
    "sallyport up --config-dir /etc/sallyport --data-dir /var/lib/sallyport --store 'postgres://sallyport@db.example.com/sallyport?schema=sallyport&sslmode=verify-full&sslrootcert=/etc/sallyport/db-ca.crt' --store-password file:/run/secrets/db --key-encryption file:/run/secrets/sallyport-kek",
    'needs a database server with a certificate; test/engines starts a real PostgreSQL, with TLS and passwords',
  ],
]
