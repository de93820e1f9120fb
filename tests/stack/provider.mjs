// A real OpenID provider (node oidc-provider) on a loopback port.
// Any login name and password is accepted; consent is asked each time.
// Prints one JSON line per request that tests may count. SIGHUP replaces the signing key.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

import Provider, { errors } from 'oidc-provider';

const { values: args } = parseArgs({
  options: {
    port: { type: 'string' },
    audience: { type: 'string', default: 'urn:mlflow' },
    lifetime: { type: 'string', default: '3600' }, // seconds, of ID and access tokens
    'short-lifetime': { type: 'string', default: '10' }, // the same for clients called *-short
  },
});
const secret = process.env.STACK_CLIENT_SECRET; // not in argv, where every user sees it
const issuer = `http://127.0.0.1:${args.port}`;

const lifetime = (client) => Number(client.clientId.endsWith('-short') ? args['short-lifetime'] : args.lifetime);

const publicClient = (id) => ({
  client_id: id,
  application_type: 'native', // RFC 8252 §7.3: any port of a loopback redirect URI
  token_endpoint_auth_method: 'none',
  redirect_uris: ['http://127.0.0.1/oauth2/callback', 'http://[::1]/oauth2/callback', 'http://localhost/oauth2/callback'],
  grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
});
const serviceClient = (id, method) => ({
  client_id: id,
  client_secret: secret,
  token_endpoint_auth_method: method,
  redirect_uris: [],
  response_types: [],
  grant_types: ['client_credentials'],
});

const clients = [
  publicClient('mlflow-public'),
  publicClient('mlflow-public-short'),
  publicClient('mlflow-public-device'),
  serviceClient('mlflow-ci', 'client_secret_basic'),
  serviceClient('mlflow-ci-post', 'client_secret_post'),
  serviceClient('mlflow-ci-short', 'client_secret_basic'),
  { ...publicClient('mlflow-web'), client_secret: secret, token_endpoint_auth_method: 'client_secret_basic' },
];

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
}

// Grants outlive a change of key, hence a store beside the provider's instances.
const stored = new Map();
class Store {
  constructor(model) { this.model = model; }
  #findBy(field, value) {
    return [...stored].find(([key, payload]) => key.startsWith(`${this.model}:`) && payload[field] === value)?.[1];
  }
  async upsert(id, payload) { stored.set(`${this.model}:${id}`, payload); }
  async find(id) { return stored.get(`${this.model}:${id}`); }
  async findByUid(uid) { return this.#findBy('uid', uid); }
  async findByUserCode(userCode) { return this.#findBy('userCode', userCode); }
  async consume(id) { (await this.find(id)).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { stored.delete(`${this.model}:${id}`); }
  async revokeByGrantId(grantId) {
    for (const [key, payload] of stored) if (payload.grantId === grantId) stored.delete(key);
  }
}

function newHandler() {
  const provider = new Provider(issuer, {
    adapter: Store,
    clients,
    jwks: { keys: [signingKey()] },
    cookies: { keys: [randomUUID()] },
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
    findAccount: (_ctx, id) => ({
      accountId: id,
      claims: () => ({ sub: id, name: id, preferred_username: id, email: `${id}@example.com`, email_verified: true }),
    }),
    ttl: { IdToken: (_ctx, _token, client) => lifetime(client), Interaction: 600, Grant: 86400, Session: 86400 },
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        // Without a default resource access tokens are opaque and no proxy could check them by JWKS.
        defaultResource: () => args.audience,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource, client) => {
          if (![args.audience, 'https://mlflow.example/api'].includes(resource)) throw new errors.InvalidTarget();
          return {
            scope: 'mlflow',
            audience: resource,
            accessTokenFormat: 'jwt',
            accessTokenTTL: lifetime(client),
            jwt: { sign: { alg: 'RS256' } },
          };
        },
      },
    },
  });
  provider.use(async (ctx, next) => {
    await next();
    const { route, params, client } = ctx.oidc ?? {};
    const event = { route, status: ctx.status, client: client?.clientId, grant: params?.grant_type, error: ctx.body?.error };
    if (route) console.log(JSON.stringify(event));
  });
  return provider.callback();
}

let handler = newHandler();
process.on('SIGHUP', () => {
  handler = newHandler();
  console.log(JSON.stringify({ route: 'new_key' }));
});
createServer((request, response) => handler(request, response)).listen(Number(args.port), '127.0.0.1');
