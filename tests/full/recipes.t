#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Recipes as in tests/cli/recipes.t whose tools are big: what Go, Java and node see of the CPUs, and a server under load.
# Alone: its runs have CPUs to themselves.
. "$(dirname "$0")/../cli/lib.sh"
user=
PATH=$PATH:/usr/sbin
one='-q --no-check -p base -s cpus.isolation=shield -n 1 -o record.json'
# sees NAME COMMAND...: one CPU
sees() {
	tool=$1
	shift
	# shellcheck disable=SC2086
	run run $one -- "$@"
	is "$tool: status" "$status" 0
	is "$tool: sees one CPU" "$out" 1
	is "$tool: restored" "$(jq -c '.restore | [.complete, .conflicts, .failures]' record.json)" '[true,[],[]]'
}
printf '%s\n' 'package main' 'import ("fmt"; "runtime")' 'func main() { fmt.Println(runtime.GOMAXPROCS(0)) }' >cpus.go
GOCACHE=$tmp/go GO111MODULE=off go build -o cpus cpus.go || exit 1
sees Go ./cpus
echo 'class Cpus { public static void main(String[] a) { System.out.println(Runtime.getRuntime().availableProcessors()); } }' >Cpus.java
javac Cpus.java || exit 1
sees Java java -cp . Cpus
# os.availableParallelism() is of node 18.14 on; what it is made of, of all.
sees node node -e 'console.log(require("os").availableParallelism ? require("os").availableParallelism() : require("child_process").execSync("nproc").toString().trim())'
# shellcheck disable=SC2086
run run $one -- bpftrace -e 'BEGIN { printf("on CPU %d\n", cpu); exit(); }'
is "bpftrace: status" "$status" 0
like "bpftrace: runs on the benchmark's CPU" "$out" "^on CPU $(jq -r .cpus.benchmark record.json)\$"

# A server and its load, on CPUs of their own: a lease, and a run each.
mkdir -p www/tmp
echo hello >www/index.html
chmod -R a+rX .
cat >nginx.conf <<EOF
daemon off;
user root;
worker_processes auto;
error_log $PWD/error.log;
pid $PWD/nginx.pid;
events {}
http {
	access_log off;
	client_body_temp_path $PWD/www/tmp;
	proxy_temp_path $PWD/www/tmp;
	fastcgi_temp_path $PWD/www/tmp;
	uwsgi_temp_path $PWD/www/tmp;
	scgi_temp_path $PWD/www/tmp;
	server { listen 127.0.0.1:18089; root $PWD/www; }
}
EOF
run apply -q -p base -s cpus.isolation=none -s kernel.timer_migration=false -n all --for 10m
is "a lease of all CPUs: status" "$status" 0
"$qb" run -q -c 0 -o server.json -- nginx -c "$PWD/nginx.conf" -p "$PWD" 2>server.err &
server=$!
i=0
until [ -s nginx.pid ] || [ $i = 100 ]; do i=$((i + 1)) && sleep 0.1; done
is "nginx is on the server's CPU" "$(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$(cat nginx.pid)/status")" 0
run run -c 1 -o client.json -- wrk -t 1 -c 8 -d 2 http://127.0.0.1:18089/
is "wrk: status" "$status" 0
like "wrk: requests were answered" "$out" 'Requests/sec: +[1-9]'
like "wrk: all of them" "$(printf '%s' "$out" | grep -c 'Non-2xx')" '^0$'
is "wrk was on the client's CPU" "$(jq -r '.conditioned, .cpus.benchmark' client.json | xargs)" "joined 1"
kill -QUIT "$(cat nginx.pid)"
wait "$server"
is "nginx ends by itself: status" "$?" 0
is "nginx: its record" "$(jq -r '.conditioned, .cpus.benchmark' server.json | xargs)" "joined 0"
run restore -q
is "restored: status" "$status" 0
finish
