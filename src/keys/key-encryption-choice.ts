/** Which key wraps the keys of log and masking. Holds no secret: what opens a key service is named, not given. */
export type KeyEncryptionChoice =
  | FileKeyChoice
  | { readonly awsKms: AwsKmsChoice }
  | { readonly vault: VaultTransitChoice }

export interface FileKeyChoice {
  /** 32 bytes in hex, mode 0600. */
  readonly file: string
}

export interface AwsKmsChoice {
  /** ARN, id or `alias/…` of a symmetric key. */
  readonly keyId: string
  /** Absent: that of the ARN, else what the SDK finds (`AWS_REGION`, profile). */
  readonly region?: string
  /** Of a VPC endpoint or a test; plain HTTP on this machine only. */
  readonly endpoint?: string
}

export interface VaultTransitChoice {
  /** `https://host:port`; plain HTTP on this machine only. */
  readonly address: string
  /** Where the transit engine is mounted; default `transit`. */
  readonly mount?: string
  readonly key: string
  /** Read at each use, so that whoever renews the token may replace the file. */
  readonly tokenFile: string
  /** Certificates of the CA that signed the server's. */
  readonly caFile?: string
  readonly namespace?: string
}
