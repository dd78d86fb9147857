"""Who may do what, and how secrets and personal data are kept.

| module | idea |
|---|---|
| `permissions` | roles and what each may do; `allow(...)`, `public()`, `CurrentCaller` for routes |
| `grants` | a member gave the payment PIN: make, verify; never an access token |
| `tokens` | signed access tokens (EdDSA JWT): make, verify |
| `keysets` | where a verifier finds public keys: a fixed set, a JWKS URL, an OIDC issuer |
| `signing` | the key that signs tokens: make, seal for storage, open again |
| `oauth` | RFC 6749 pieces for a token endpoint |
| `passwords` | argon2 hashes of pass phrases and PINs, secrets of clients |
| `masterkeys` | the rotating keys from the environment that everything stored is sealed with |
| `cipher` | personal data under one data key per member; erasing destroys the key |
| `datakeys` | the table of those keys, sealed: adopt, destroy |
| `blindindex` | finding what is encrypted |
| `audit` | the append-only record of who did and saw what |
"""
