// What this package must hold, for the sake of security. A test carries the id in its title (`sec:S-8`); the table in
// SECURITY.md is made from this list and from those titles.

export interface Demand {
  readonly id: string;
  readonly demand: string;
  /** Why no test here can show it, or what of it no test can. */
  readonly reason?: string;
}

export const DEMANDS: readonly Demand[] = [
  { id: 'S-1', demand: 'TLS 1.2 or later, and no option that lowers it' },
  {
    id: 'S-2',
    demand:
      "The broker's certificate and host name are verified; nothing, and no environment variable, switches that off",
  },
  { id: 'S-3', demand: 'SNI always, ALPN where AWS wants it' },
  {
    id: 'S-4',
    demand:
      'That key and certificate belong together, and the dates of the certificate, are looked at before dialing',
  },
  { id: 'S-5', demand: 'A key file or a credentials file that other users may read is warned of' },
  { id: 'S-6', demand: 'Secrets live in closures: not in the input, context or snapshot of a machine' },
  {
    id: 'S-7',
    demand:
      'No secret in what is printed, thrown, told or inspected: looked for after every test of the whole suite',
  },
  { id: 'S-8', demand: 'A signed URL is never shown, also not by the errors of what opens it' },
  { id: 'S-9', demand: 'Credentials are asked for at each attempt, and not kept after it' },
  { id: 'S-10', demand: 'No key of a document or a packet reaches a prototype' },
  { id: 'S-11', demand: 'Bytes and levels of JSON are bounded before it is parsed' },
  {
    id: 'S-12',
    demand: 'Text of strangers is read in linear time: no regular expression with nested quantifiers',
  },
  { id: 'S-13', demand: 'A packet that is too long ends the line at its header' },
  { id: 'S-14', demand: 'Names cannot leave their level of a topic' },
  { id: 'S-15', demand: 'Tokens and client ids are unpredictable' },
  { id: 'S-16', demand: 'Payloads are shown only to who asks for them, and cut' },
  { id: 'S-17', demand: 'Text of strangers in an error is cut and escaped' },
  {
    id: 'S-18',
    demand: 'A durable queue is closed to other users, and follows no symbolic link',
  },
  { id: 'S-19', demand: 'The local broker listens on the loopback only' },
  {
    id: 'S-20',
    demand:
      'The local broker has no default password; its keys are made for the run, closed to others, and removed',
  },
  { id: 'S-21', demand: 'No page of another origin reaches the local broker' },
  {
    id: 'S-22',
    demand: 'What watches machines is loaded only on request, on the loopback only, and redacts',
  },
  { id: 'S-23', demand: 'Few dependencies: a budget for the whole tree that a device installs' },
  { id: 'S-24', demand: 'Nothing of that tree runs a script when it is installed, nor does this package' },
  {
    id: 'S-25',
    demand: 'A lock file with checksums, and exact versions of all tools',
    reason:
      'an audit of packages, their signatures, a minimum age of releases and update requests need the public registry and a host',
  },
  {
    id: 'S-26',
    demand: 'Published with provenance, and a bill of materials can be made',
    reason: 'trusted publishing, two factors and the attestation itself are of the account that publishes',
  },
  {
    id: 'S-27',
    demand: 'CI holds no secret and no permission',
    reason: 'there is no workflow of a host to pin or to lint: CI is the one script `.ci/run`',
  },
  { id: 'S-28', demand: 'No flag of the command line takes a secret: files and environment do' },
  { id: 'S-29', demand: 'A page is given no certificates and keys of a device, and stores no credentials' },
  { id: 'S-30', demand: 'Queues, buffers, subscriptions, timers and retries are bounded' },
  { id: 'S-31', demand: 'No redirect and no reference to another server is followed' },
  { id: 'S-32', demand: 'This page: scope, threat model, supported versions, contact' },
];
