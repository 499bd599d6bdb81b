// The settings of the site: domains, routes and the maintenance page.

export type Maintenance = {
  /** The flag file that the proxy tests, absolute. */
  flag: string;
  /** Where the page is on the host: maintenance.html beside the flag. */
  page: string;
  /** The page's file on this machine, absolute; undefined: the built-in page. */
  source: string | undefined;
};

/** The proxy in front of the app. Every text here is safe inside a proxy's configuration: lib/config/schema/values.ts checks it. */
export type Site = {
  proxy: 'nginx' | 'caddy';
  /** At least one; the first names the certificate. */
  domains: string[];
  tls: 'certbot' | 'off';
  email: string | undefined;
  /** The directory of another certificate authority; undefined: Let's Encrypt. */
  acme: string | undefined;
  hsts: boolean;
  noindex: boolean;
  /** A htpasswd file on the host, absolute. */
  basicAuth: string | undefined;
  /** `10m` */
  bodyLimit: string;
  upstreams: Upstream[];
  /** The longest path first. */
  routes: Route[];
  /** Seconds that old connections may go on after a blue-green switch. */
  drainSeconds: number;
  /** Seconds that a request waits at most in a hold switch. */
  holdSeconds: number;
  /** <root>/proxy on the host: site.conf, and the files whose presence the proxy tests on each request. */
  folder: string;
};

/** `variable` tells the app of a colour its port. */
export type Upstream = { name: string; port: number; green: number | undefined; variable: string | undefined };

export type Route = {
  /** `/`, `/api/` (everything below), `/robots.txt` (only this). */
  path: string;
  goes: { upstream: string; cacheSeconds: number | undefined; timeoutSeconds: number } | { folder: string };
  /** Maintenance answers are JSON. */
  api: boolean;
  bodyLimit: string | undefined;
};
