/**
 * The programs that open connections, for nodes that have Python 3 and not Node.js: the same arguments
 * and the same lines of JSON as tcp-client.ts and dns-client.ts.
 */

/** `python3 -c ... ADDRESS PORT TIMEOUT-SECONDS COUNT`; holds connections until its input ends. */
export const PYTHON_TCP = `
import errno, json, os, selectors, socket, sys, time
address, port, timeout, count = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
family = socket.AF_INET6 if ':' in address else socket.AF_INET
waiting = selectors.DefaultSelector()
held = []
def tell(connection, started, result):
    try:
        local = connection.getsockname()
    except OSError:
        local = (None, 0)
    told = {'result': result, 'seconds': time.monotonic() - started}
    if local[1]:
        told.update(localAddress=local[0], localPort=local[1])
    print(json.dumps(told), flush=True)
def name(code):
    return errno.errorcode.get(code, str(code))
begun = time.monotonic()
for _ in range(count):
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.setblocking(False)
    held.append(connection)
    started = time.monotonic()
    code = connection.connect_ex((address, port))
    if code in (0, errno.EINPROGRESS):
        waiting.register(connection, selectors.EVENT_WRITE, started)
    else:
        tell(connection, started, name(code))
while waiting.get_map():
    ready = waiting.select(max(0, begun + timeout - time.monotonic()))
    for key, _ in ready:
        waiting.unregister(key.fileobj)
        code = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        tell(key.fileobj, key.data, 'connected' if code == 0 else name(code))
    if not ready and time.monotonic() >= begun + timeout:
        for key in list(waiting.get_map().values()):
            waiting.unregister(key.fileobj)
            tell(key.fileobj, key.data, 'timeout')
sys.stdin.read()
`;

/** `python3 -c ... ADDRESS PORT TRIES INTERVAL-SECONDS COUNT QUERY-IN-HEX` (its id is set anew). */
export const PYTHON_DNS = `
import errno, json, socket, sys, threading, time
address, port, tries, interval, count = sys.argv[1], *(int(text) for text in sys.argv[2:6])
query = bytes.fromhex(sys.argv[6])
family = socket.AF_INET6 if ':' in address else socket.AF_INET
speaking = threading.Lock()
def ask_from(number, most):
    own = number.to_bytes(2, 'big')
    asking = socket.socket(family, socket.SOCK_DGRAM)
    asking.connect((address, port))
    local = asking.getsockname()
    started = time.monotonic()
    sent, result = 0, 'timeout'
    while result == 'timeout' and sent < most:
        sent += 1
        due = time.monotonic() + interval
        try:
            asking.send(own + query[2:])
            while result == 'timeout' and time.monotonic() < due:
                asking.settimeout(max(0.001, due - time.monotonic()))
                if asking.recv(65535)[:2] == own:
                    result = 'answered'
        except socket.timeout:
            pass
        except OSError as fault:
            result = errno.errorcode.get(fault.errno, str(fault.errno))
    told = {'result': result, 'seconds': time.monotonic() - started, 'sent': sent}
    told.update(localAddress=local[0], localPort=local[1])
    with speaking:
        print(json.dumps(told), flush=True)
    return result == 'answered'
def resolve(index):
    ask_from(2 * index, tries) or ask_from(2 * index + 1, 1)
threads = [threading.Thread(target=resolve, args=(index,)) for index in range(count)]
for thread in threads: thread.start()
for thread in threads: thread.join()
`;
