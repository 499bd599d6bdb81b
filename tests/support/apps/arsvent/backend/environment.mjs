// What arsvent refuses to start with: an environment that contradicts itself.

export function checkEnvironment(env) {
  const required = [
    'APP_ENV',
    'DATABASE_URL',
    'REDIS_URL',
    'SESSION_SECRET',
    'FRONTEND_ORIGIN',
    'DISCORD_CALLBACK_URL',
  ];
  const missing = required.filter(name => !env[name]);
  if (missing.length) throw new Error(`not set: ${missing.join(', ')}`);
  if ((env.IS_PRODUCTION === 'true') !== (env.APP_ENV === 'production')) {
    throw new Error('IS_PRODUCTION does not match APP_ENV');
  }
  const callback = new URL(env.DISCORD_CALLBACK_URL);
  if (callback.origin !== new URL(env.FRONTEND_ORIGIN).origin) {
    throw new Error('DISCORD_CALLBACK_URL and FRONTEND_ORIGIN have different origins');
  }
  if (callback.pathname !== '/auth/discord/callback') {
    throw new Error('the path of DISCORD_CALLBACK_URL is not /auth/discord/callback');
  }
  if (env.APP_ENV !== 'development' && callback.protocol !== 'https:') throw new Error('FRONTEND_ORIGIN is not https');
}
