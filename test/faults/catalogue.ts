// What may go wrong, and what is expected then: all rows of the fault catalogue of this project, in its order. A test carries
// the id of its row in its title (`fault:A-8`); `npm run test:faults` runs them all and shows what came of each row.

export interface Fault {
  readonly id: string;
  readonly fault: string;
  readonly expected: string;
}

/** Of each row a line with its id and the fault, and indented below it what is expected. */
const ROWS = `
A-1   nobody listens: ECONNREFUSED
        backs off with NETWORK_UNREACHABLE; connect() stays pending until success, its deadline or its signal
A-2   a SYN that nobody answers
        the attempt ends after attemptTimeoutMs, its socket is destroyed, and it is tried again
A-3   RST before CONNECT is written
        tried again, ever later; one status and one error for each attempt
A-4   RST after k bytes of CONNECT, for each k
        as A-3
A-5   RST between CONNECT and CONNACK
        as A-3
A-6   FIN right after the connection was accepted
        as A-3
A-7   CONNACK one millisecond before the deadline
        connected
A-8   CONNACK one millisecond after the deadline
        ATTEMPT_TIMEOUT, the socket is destroyed, and the late CONNACK comes to nobody
A-9   CONNACK never
        ATTEMPT_TIMEOUT, and tried again ever later
A-10  CONNACK refuses, 3.1.1: 1 version, 2 id, 3 busy, 4 and 5 authorization
        1 and 2 fatal after one attempt, with a remedy; 3 tried again; 4 once anew and then slowly; 5 slowly
A-11  CONNACK refuses, MQTT 5: each reason code, among them redirects and the rate
        each has its recovery; a redirect is told and never followed
A-12  CONNACK byte by byte, or with PUBLISH in one segment
        the same as whole: connected is told first
A-13  half-open: the peer falls silent after CONNACK
        a ping after the keep-alive, dead after pingTimeoutMs; what was in flight is sent again, in order
A-14  a one-way link, in either direction
        as A-13; what comes in does not postpone the ping
A-15  a bandwidth of 1 KB/s
        no false death while bytes move
A-16  a latency of 3 s, and jitter of 3 s
        nothing comes twice but what a lost line had open
A-17  writes stall: the socket takes nothing more
        dead after a bounded time
A-18  a broker that flaps every 10, 100, 1,000 or 29,000 ms
        the delay grows, and is forgiven only after stableMs
A-19  the broker is back after an hour
        the delay is capped, and it is found within one longest delay
A-20  the broker restarts and has lost the session
        every wanted filter is asked for again; sessionPresent of the status is false
A-21  a proxy answers the WebSocket upgrade with 407 or 502
        a typed error with the status, and a recovery by status
A-22  a captive portal: HTML instead of MQTT, or TLS to a wrong host
        PROTOCOL_ERROR, or the certificate is refused; no error has more than 64 bytes of it

B-1   no PUBACK
        the call's own timeoutMs says outcomeUnknown, else it stays queued and goes on a new line; its id is not reused
B-2   a second PUBACK
        ignored: it ends nothing and frees no second slot
B-3   PUBACK for an unknown id
        ignored, however often
B-4   PUBACKs out of order
        each ends its own publish
B-5   PUBACK of MQTT 5 with an error: 0x87, 0x90, 0x97
        that publish alone rejects, with PUBLISH_REFUSED and the code
B-6   no SUBACK; 0x80; partial failure; lower QoS; wrong number of codes
        bounded; each filter has its own result; the lower QoS is told; a wrong number is PROTOCOL_ERROR
B-7   no UNSUBACK
        bounded, and asked for again; the handler gets nothing more at once
B-8   a first byte of 00
        PROTOCOL_ERROR, and the line is closed
B-9   a remaining length of 5 bytes, or larger than the limit
        closed before anything is buffered; the memory stays flat
B-10  a truncated packet, then FIN
        closed, and nothing of it is delivered
B-11  a topic that is no UTF-8, has a wildcard or NUL, or is empty
        PROTOCOL_ERROR, and nothing is delivered
B-12  packets nobody asked for: CONNACK twice, SUBACK, PINGRESP, PUBREC for QoS 1
        a second CONNACK and PUBREC close; SUBACK and PINGRESP are passed over
B-13  inbound QoS 2, which AWS does not have
        answered by the book, delivered once; never crashes
B-14  an inbound duplicate: DUP, the same id
        delivered, and message.duplicate says so
B-15  a burst of 20,000 messages
        each loop keeps its bound by its own policy; handlers get all; each message has one PUBACK
B-16  payloads of 0 bytes, 128 KiB, one more, and 256 MB announced
        taken, taken, INVALID_ARGUMENT at once, and the line ends at the header
B-17  packet ids wrap with 100 open
        no collision
B-18  receive maximum 1; topic alias 0 or unknown; assigned client id; server keep alive
        kept; 0x94 ends the line; the id is used on later lines; a shorter keep-alive is adopted
B-19  DISCONNECT of MQTT 5 with each reason code
        each has its recovery: tried again, slowly, or told as a duel
B-20  a retained message of 0 bytes; a flood of retained ones at SUBSCRIBE
        delivered, with the flag; a loop keeps its bound

C-1   the same client id elsewhere: a close without a word, or 0x8E
        found by short lives or by the code: DUPLICATE_CLIENT_ID, and it goes on slowly
C-2   a publish or filter that the policy denies: AWS closes the line
        the culprit is found and ends with POISON_PUBLISH or POISON_SUBSCRIPTION; the rest goes on
C-3   a publish that is too large: AWS closes the line
        refused here; where the broker's limit is smaller, as C-2
C-4   more than 8 filters in a SUBSCRIBE, or 50 in a connection
        batches of at most 8; the 51st is TOO_MANY_SUBSCRIPTIONS
C-5   a topic of more than 256 bytes or 7 slashes
        INVALID_ARGUMENT at once, and says the limit
C-6   more than 100 publishes or 512 KiB a second
        delayed, never lost, and never a burst above the rate
C-7   CONNECT more than once a second
        never: the attempts of a client keep their distance
C-8   a keep-alive of 5 s or 2,000 s
        refused for AWS, with the bounds; a broker of MQTT 5 that asks for less gets it
C-9   the persistent session expired while offline
        as A-20
C-10  the broker sends DISCONNECT and then waits
        this side closes within the turn
C-11  a WebSocket of 24 hours
        renewed before, in a planned way, with a fresh signature; nothing is lost
C-12  the broker shuts down in the midst of a drain
        what is left is kept and goes on with the next line

D-1   the certificate of another authority
        SERVER_CERTIFICATE_UNTRUSTED with a remedy, and tried slowly: it can be mended from outside
D-2   a certificate for another host
        SERVER_NAME_MISMATCH; never got around
D-3   an expired certificate of the broker
        tells the time of this device, and a clock before this package is called wrong; slowly
D-4   a certificate that is not valid yet
        as D-3
D-5   the device's certificate: expired, revoked, of an unknown authority, with another key
        what can be seen is an error before dialing; a TLS alert has its code
D-6   a broker of TLS 1.1 alone
        refused: TLS_FAILED
D-7   a TLS handshake that hangs
        ATTEMPT_TIMEOUT
D-8   a key file that is unreadable, open to others, or encrypted without passphrase
        an error with a remedy; a warning; an error with a remedy
D-9   credentials end in the midst of a session
        the next attempt asks the provider and signs afresh; no URL is used twice
D-10  a provider throws, hangs, or gives expired credentials
        CREDENTIALS_UNAVAILABLE within a bound, and backoff
D-11  a clock an hour off, or set back while connected
        signed again with the server's time; a line, its pings and its backoff do not notice
D-12  403 at the upgrade
        asks for new keys once, then slowly
D-13  an authorizer that is slow or refuses
        attemptTimeoutMs has room for it; a refusal has its code
D-14  certificates are replaced at run time
        the next attempt reads them; half a rotation is tried again

E-1   ENOTFOUND
        DNS_FAILED with a remedy, tried again
E-2   a resolver that hangs
        ATTEMPT_TIMEOUT covers it
E-3   an IPv6 address first that leads nowhere, an IPv4 one that works
        reached in one attempt
E-4   IPv6 only
        works
E-5   the address changes between attempts
        each attempt resolves anew
E-6   the network is down and up
        online tries at once, in a page by itself and elsewhere by networkOnline()
E-7   a sleep of 8 hours
        as it wakes the line is dead at once, without waiting for a ping
E-8   an event loop that was blocked
        what came is read before anything is judged: no false death
E-9   no file descriptor left
        NETWORK_UNREACHABLE, tried again
E-10  a hidden page, whose timers fire once a minute
        a keep-alive from 120 s holds the line; a shorter one loses it and comes back; documented

F-1   offline publishes beyond maxMessages or maxBytes
        dropNewest refuses the new one, dropOldest evicts the oldest; the loser is told
F-2   1,000,000 waiting messages
        bounded memory; adding and taking stay quick; a drain does not block the loop
F-3   kill -9 while it appends, opens or drains
        all that was accepted is there; at most what was in flight comes twice
F-4   a power cut: what was not synced is gone
        always loses nothing, everySecond at most a second, and never says so
F-5   a torn last record
        only that one is lost
F-6   a flipped bit in the middle
        what it cost is counted and told, and the rest is delivered
F-7   a full disk
        QoS 1 rejects with STORE_FULL, what was accepted goes on, and it recovers with the space
F-8   EACCES, EROFS, or a directory that is deleted while open
        a typed error; the rest works, and it is tried again
F-9   two processes, one directory
        STORE_LOCKED with the number of the holder
F-10  a lock that a crash left behind
        taken over
F-11  a queue of a newer version
        STORE_INCOMPATIBLE, and not one byte is touched
F-12  a page whose storage is full, private or blocked
        a page stores nothing: a durable store is refused by type and with a clear error, and memory is used
F-13  a message over which each line ends
        parked and told as POISON_PUBLISH after a few tries; the rest flows
F-14  a message expires while it waits
        MESSAGE_EXPIRED, and it is not sent
F-15  SIGTERM in the midst of a drain
        a graceful close within flushTimeoutMs, exit code 0
F-16  a process ends without close()
        an open store keeps no process alive

G-1   a handler throws, rejects, or never returns
        reported once, in a task of its own; everything goes on
G-2   connect() twice, and in each state
        by a table; one socket
G-3   close() in each state, twice, without a timeout
        always ends in closed; the second call is the same promise
G-4   calls from inside each callback
        no recursion and no deadlock
G-5   a signal that is aborted before, or during each call
        rejects with signal.reason, and leaves no listener
G-6   unsubscribe before SUBACK; one filter twice; filters that overlap
        counted: one subscription of the network, and each handler gets each message once
G-7   a loop that is slow, breaks, or throws
        a bounded buffer; leaving it unsubscribes
G-8   the app changes payload or options after the call
        those of the moment of the call count
G-9   invalid options
        INVALID_ARGUMENT at once, with the field, what it may be, and what was given
G-10  two copies of the package
        codes and brands still work
G-11  a promise that nobody awaits
        a receipt is never an unhandled rejection
G-12  publish() while the queue drains, or while and after the client closes
        goes behind what waits, in order; CLOSED after close()
G-13  the actor is stopped from outside
        everything settles as CLOSED

H-1   an answer after our timeout
        settles nothing; the copy still takes its version
H-2   an answer with another's token
        settles nothing; its version is known
H-3   a second /accepted
        counts once
H-4   both /accepted and /rejected
        the first counts
H-5   a version goes back
        ignored, unless the shadow was deleted in between
H-6   a version is missing
        a get
H-7   a delta that was missed
        on each line: subscribe, get, one merged delta
H-8   a message that is no JSON, no UTF-8, or not what AWS documents
        an event with a typed error, and everything goes on
H-9   a document of more than 8 KB, or too deep
        INVALID_ARGUMENT at once; 400 and 413 of AWS are typed
H-10  409: another version
        rejects and says what to do; update() with a function asks again
H-11  429: too much asked
        at most 10 on the way; on 429 asked again after a pause
H-12  404 on get
        undefined
H-13  401, 403
        typed, and names the action that the policy must allow
H-14  a rejection without a token
        settles nothing at once; the oldest request says it at its deadline
H-15  the topics of the answers are denied
        fails at subscribe, and not by a timeout
H-16  the line is lost between request and answer
        OUTCOME_UNKNOWN; a get afterwards reveals it
H-17  keys like __proto__ in a document
        plain data, and never on a prototype
H-18  a delta handler fails
        told; the delta stays, and is offered again at the next change
H-19  a delete while an update is under way
        ordered by version
H-20  a token of more than 64 bytes, or one that is in use
        INVALID_ARGUMENT; tokens of our own are 128 random bits
H-21  many named shadows
        wildcards are shared; a clear error beyond maxSubscriptions
H-22  a desired state that is not what the schema says
        an event with the issues; not applied, and not reported
`;

/** All of them, in the order of the page. */
export const FAULTS: readonly Fault[] = ROWS.split(/\n(?=[A-Z]-\d)/)
  .map((row) => /^\s*([A-H]-\d+) +(.+)\n +(.+)\s*$/.exec(row))
  .filter((match) => match !== null)
  .map(([, id = '', fault = '', expected = '']) => ({ id, fault, expected }));

/** What is looked at after every fault test of a world, whatever it was about; and their judges have tests of their own. */
export const INVARIANTS: readonly Fault[] = [
  ['I1', 'each promise settled, with a value or a typed error'],
  ['I2', 'no uncaught exception and no unhandled rejection'],
  ['I3', 'only the transitions that there are, and one end'],
  ['I4', 'what was accepted was delivered or its sender told, in order'],
  ['I5', 'at most one live socket of a client'],
  ['I6', 'handles and timers are back to what they were'],
  ['I7', 'the law of delays holds'],
  ['I8', 'the broker has the filters that are wanted, and no other'],
  ['I9', 'the queue keeps its bounds of count and bytes'],
  ['I10', 'no secret in a log, an error, a snapshot or an event'],
  ['I11', 'nothing is emitted after closed'],
  ['I12', 'the statuses tell the true story'],
].map(([id = '', expected = '']) => ({ id, fault: 'after every fault', expected }));

/** Rows that no test can show here, each with the reason. */
export const CANNOT_RUN_HERE: Readonly<Record<string, string>> = {};
