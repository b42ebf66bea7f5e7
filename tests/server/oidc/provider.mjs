// An OpenID Connect provider on loopback. Its only argument is JSON: port (0: any), keys (a JWK set), clients,
// people (claims by account), audience (of access tokens for an archive). It writes "ready PORT" when it listens.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const given = JSON.parse(process.argv[2]);
const server = createServer();

server.listen(given.port, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    jwks: given.keys,
    clients: given.clients,
    cookies: { keys: ['of this test alone'] },
    claims: { openid: ['sub'], profile: ['preferred_username', 'groups'], email: ['email'] },
    scopes: ['openid', 'profile', 'email', 'read'],
    findAccount: (_context, id) => given.people[id] && { accountId: id, claims: () => ({ sub: id, ...given.people[id] }) },
    extraTokenClaims: (_context, token) => given.people[token.accountId],
    features: {
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, audience) => ({ audience, scope: 'read', accessTokenFormat: 'jwt' }),
      },
    },
  });
  server.on('request', provider.callback());
  console.log(`ready ${port}`);
});
