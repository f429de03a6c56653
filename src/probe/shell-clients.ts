/**
 * The programs that open connections, for nodes that have neither Node.js nor Python: shell scripts around
 * bash's /dev/tcp and /dev/udp, curl, nc and dig. Each prints lines of JSON; what it does not know (how
 * long it took, from which port) is left out, and the captures tell it.
 */

/** What the words of a failed connect() mean. Sets `result`. */
const RESULT = `
result_of() {
  case $1 in
    *refused*) result=ECONNREFUSED ;;
    *unreachable* | *'No route'*) result=EHOSTUNREACH ;;
    *'timed out'*) result=ETIMEDOUT ;;
    *) result=failed ;;
  esac
}
`;

/** Prints the local endpoint of descriptor 3 as /proc/net has it: hexadecimal, \`0100007F:1F90\`. */
const LOCAL_OF = `
local_of() {
  socket=$(readlink "/proc/$BASHPID/fd/3")
  for table in "$@"; do
    [ -r "$table" ] || continue
    while read -r _ local _ _ _ _ _ _ _ inode _; do
      [ "socket:[$inode]" = "$socket" ] && echo "$local"
    done <"$table"
  done
}
`;

/** `bash -c ... bash ADDRESS PORT TIMEOUT-SECONDS COUNT` */
export const BASH_TCP = `${RESULT}
export address=$1 port=$2
limit=$3 count=$4
attempt='${LOCAL_OF}
exec 3<>"/dev/tcp/$address/$port" || exit 1
echo "{\\"result\\":\\"connected\\",\\"localHex\\":\\"$(local_of /proc/net/tcp /proc/net/tcp6)\\"}"'
# With its own process group it would not be ended with the rest.
timeout --foreground 1 true 2>/dev/null && foreground=--foreground
one() {
  words=$(timeout $foreground "$limit" bash -c "$attempt" 2>&1)
  case $? in
    0) echo "$words" ;;
    124) echo '{"result":"timeout"}' ;;
    *) result_of "$words"; printf '{"result":"%s"}\\n' "$result" ;;
  esac
}
while [ "$count" -gt 0 ]; do count=$((count - 1)); one & done
wait
`;

/** `bash -c ... bash ADDRESS PORT TRIES INTERVAL-SECONDS COUNT QUERY`, the query as `\\x41...` for printf */
export const BASH_DNS = `${RESULT}${LOCAL_OF}
address=$1 port=$2 tries=$3 interval=$4 count=$5 query=$6
ask_from() {
  sent=0 result=timeout
  exec 3<>"/dev/udp/$address/$port" || return 1
  local=$(local_of /proc/net/udp /proc/net/udp6)
  while [ $sent -lt "$1" ]; do
    sent=$((sent + 1))
    words=$(printf "$query" 2>&1 >&3) || { result_of "$words"; break; }
    words=$(IFS= read -r -t "$interval" -n 1 -u 3 _ 2>&1 && echo answered)
    case $words in
      answered) result=answered; break ;;
      *refused* | *unreachable*) result_of "$words"; break ;;
    esac
  done
  exec 3>&-
  printf '{"result":"%s","localHex":"%s","sent":%s}\\n' "$result" "$local" "$sent"
  [ $result = answered ]
}
while [ "$count" -gt 0 ]; do
  count=$((count - 1))
  { ask_from "$tries" || ask_from 1; } 2>/dev/null &
done
wait
`;

/**
 * `sh -c ... sh ADDRESS PORT TIMEOUT-SECONDS COUNT`. curl asks for a page, and ends when it has had no byte
 * of it for a second, if not before.
 */
export const CURL_TCP = `${RESULT}
address=$1 port=$2 limit=$3 count=$4
case $address in *:*) address="[$address]" ;; esac
format='{"result":"connected","seconds":%{time_connect},"localAddress":"%{local_ip}","localPort":%{local_port}}\\n'
one() {
  words=$(curl --disable --silent --show-error --noproxy '*' --connect-timeout "$limit" \\
    --speed-limit 1 --speed-time 1 --max-time $((\${limit%.*} + 5)) --max-filesize 65536 \\
    --output /dev/null --write-out "$format" "http://$address:$port/" 2>&1 </dev/null)
  case $words in
    *'"localPort":'[1-9]*) echo "$words" | sed -n 's/.*\\({"result".*}\\).*/\\1/p' ;;
    *'Timeout was reached'* | *'timed out'*) echo '{"result":"timeout"}' ;;
    *) result_of "$words"; printf '{"result":"%s"}\\n' "$result" ;;
  esac
}
while [ "$count" -gt 0 ]; do count=$((count - 1)); one & done
wait
`;

/**
 * `sh -c ... sh ADDRESS PORT TIMEOUT-SECONDS COUNT`: any of the programs called nc. OpenBSD's, the
 * traditional one and Ncat know -z; BusyBox' has -e. Local ports are chosen here, since none tells them.
 */
export const NC_TCP = `${RESULT}
address=$1 port=$2 limit=\${3%.*} count=$4
one() {
  from=$((32768 + ($$ * 31 + $1) % 28000))
  words=$(nc -v -z -w "$limit" -p $from "$address" "$port" 2>&1 </dev/null)
  code=$?
  case $words in *'invalid option'* | *'unrecognized option'*)
    words=$(nc -w "$limit" -p $from "$address" "$port" -e true 2>&1 </dev/null)
    code=$? ;;
  esac
  if [ $code = 0 ]; then result=connected; else result_of "$words"; fi
  printf '{"result":"%s","localPort":%s}\\n' "$result" "$from"
}
while [ "$count" -gt 0 ]; do count=$((count - 1)); one "$count" & done
wait
`;

/** `sh -c ... sh ADDRESS PORT TRIES INTERVAL-SECONDS COUNT NAME`. Local ports are chosen here. */
export const DIG_DNS = `
address=$1 port=$2 tries=$3 interval=$4 count=$5 name=$6
case $address in *:*) any=:: ;; *) any=0.0.0.0 ;; esac
one() {
  from=$((32768 + ($$ * 31 + $1) % 28000))
  result=timeout
  dig +tries="$tries" +time="$interval" +short -b "$any#$from" -p "$port" "@$address" "$name" A >/dev/null 2>&1 &&
    result=answered
  printf '{"result":"%s","localPort":%s}\\n' "$result" "$from"
}
while [ "$count" -gt 0 ]; do count=$((count - 1)); one "$count" & done
wait
`;
