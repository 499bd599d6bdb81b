// Which colour visitors reach: one file that the proxy tests on each request, and draining the connections to a colour.
import type { Site } from '../target/site-settings.ts';
import { lines, sh, type Command } from '../host/sh.ts';
import type { Step } from '../plan/step.ts';
import { portsOf, type Colour } from '../release/colours.ts';

/** Prints the live colour: green while the file is there, blue when a link says so, else nothing. */
export function servingColour(root: string): Command {
  return sh`if [ -e ${`${root}/proxy/green`} ]; then echo green; elif [ -L ${`${root}/blue`} ]; then echo blue; fi`;
}

/** New requests go to this colour from here on; those under way stay where they are. On the disk before it returns. */
export function routeTo(site: Site, colour: Colour): Command {
  const file = `${site.folder}/green`;
  return lines(
    colour === 'green' ? sh`mkdir -p ${site.folder}; : >${file}` : sh`rm -f ${file}`,
    sh`[ ! -d ${site.folder} ] || sync ${site.folder}`,
  );
}

/** Visitors of green go to the ports of the one version there will be. */
export function routeBack(site: Site): Step {
  return { title: 'Route traffic away from green', run: routeTo(site, 'blue'), undo: routeTo(site, 'green') };
}

/** Waits until nobody is connected to the colour's ports any more, at most as long as site.drain allows. */
export function drain(site: Site, colour: Colour): Command {
  const ports = portsOf(site, colour);
  const either = (which: string) => ports.map(port => `${which} = :${port}`).join(' or ');
  // with Docker's proxy switched off, only nginx's end of a connection is to be seen on the host
  const filter = `( ( ${either('sport')} ) or ( dst 127.0.0.0/8 and ( ${either('dport')} ) ) )`;
  return lines(
    sh`connections() { ss -Htn state established ${filter}; }`,
    sh`drained() {
  local open told='' quiet=0 end=$((\${EPOCHREALTIME//./} + ${Math.ceil(site.drainSeconds * 1000)} * 1000))
  while ((quiet < 5)); do # a request that the proxy is just passing on has no connection yet
    open=$(connections | wc -l) || { sleep ${site.drainSeconds}; return 0; }
    if ((open)); then quiet=0; else quiet=$((quiet + 1)); fi
    if ((open)) && [[ ! $told ]]; then
      told=yes
      echo ${`connections to ${ports.join(', ')} are open; they have ${site.drainSeconds} s`}
    fi
    if ((\${EPOCHREALTIME//./} > end)); then return 0; fi
    sleep 0.1
  done
}
drained`,
  );
}
