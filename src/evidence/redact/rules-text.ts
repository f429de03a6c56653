/**
 * Rules as iptables-save and nft print them: besides addresses and words they hold Kubernetes' names,
 * where a name may well be a word of the format (`web`, `mark`), and option names, which never are one.
 */
import { type Replacing, redactName, redactText } from './text.js';

/** The comment of a rule, in quotes or not. */
const COMMENT =
  /(?<lead>--comment |\bcomment (?="))(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<bare>[^\s"]+))/;
const OPTION = /(?<option>(?<=\s)--?[A-Za-z][A-Za-z0-9-]*(?=\s|$))/;
/** Chains and maps of kube-proxy's nftables mode: `service-ULMVA6XW-shop/web/tcp/http`. */
const CHAIN =
  /(?<kind>\b(?:service|endpoint|external|firewall|affinity)-[A-Z0-9]{8}-)(?<namespace>[\w.-]+)\/(?<service>[\w.-]+)\/(?<protocol>tcp|udp|sctp)\/(?<port>[a-z0-9-]*)/;
const SPECIAL = new RegExp([COMMENT, CHAIN, OPTION].map(({ source }) => source).join('|'), 'g');
/** `shop/web` or `shop/web:http`, as kube-proxy's comments begin. */
const SERVICE =
  /(?<![\w./-])[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?(?::[a-z0-9-]+)?(?![\w/])/g;

type Groups = Partial<Record<string, string>>;

/** The text of a rule set, or of a string within one. */
export function redactRules(text: string, by: Replacing): string {
  return inParts(
    text,
    SPECIAL,
    rest => redactText(rest, by),
    (token, groups) => {
      const { lead, quoted, bare, option, kind, namespace, service, protocol, port } = groups;
      if (lead !== undefined) {
        if (quoted !== undefined) return `${lead}"${redactComment(quoted, by)}"`;
        return `${lead}${redactComment(bare ?? '', by)}`;
      }
      if (option !== undefined) return option;
      if (kind === undefined) return token;
      const names = [namespace, service].map(name => redactName(name ?? '', by));
      by.names.noteService(`${namespace}/${service}`);
      return `${redactText(kind, by)}${names.join('/')}/${protocol}/${redactName(port ?? '', by)}`;
    },
  );
}

/** The text of a comment. */
export function redactComment(text: string, by: Replacing): string {
  return inParts(
    text,
    SERVICE,
    rest => redactText(rest, by),
    service => {
      by.names.noteService(service);
      return redactName(service, by);
    },
  );
}

function inParts(
  text: string,
  pattern: RegExp,
  onRest: (text: string) => string,
  onMatch: (token: string, groups: Groups) => string,
): string {
  let result = '';
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    result += onRest(text.slice(at, match.index)) + onMatch(match[0], match.groups ?? {});
    at = match.index + match[0].length;
  }
  return result + onRest(text.slice(at));
}
