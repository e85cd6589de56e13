/*
 * redis_server_test.h - for tests and benchmarks: a Redis server of one's own
 *
 * It listens on a Unix socket in a directory of the caller's, writes nothing to disk, and
 * is ended by redis_server_stop, or when this process ends in whatever way: a shell that
 * waits for the end of a pipe sees to it.  Where there is no redis-server, the program of that
 * name is still in Debian's redis-tools, as redis-check-rdb: it goes by its name.
 */
#ifndef PATTERNS_REDIS_SERVER_TEST_H
#define PATTERNS_REDIS_SERVER_TEST_H

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../weft/net.h"

struct redis_server {
	char	addr[256];
	pid_t	shell, pid;
	int	hold;			/* the server lives until it is closed */
};

static inline pid_t redis_server_spawn_(const char *dir, int in, int out)
{
	extern char **environ;
	char script[] = "cd \"$0\" || exit; name=$(command -v redis-server) || {\n"
	    "    [ -x /usr/bin/redis-check-rdb ] || exit\n"
	    "    name=./redis-server; ln -sf /usr/bin/redis-check-rdb $name; }\n"
	    "$name --port 0 --unixsocket \"$0/redis.sock\" --dir \"$0\" --save '' &\n"
	    "echo \"pid $!\"; exec >/dev/null; read -r end; kill -9 $!; wait";
	char *argv[] = { (char *)"sh", (char *)"-c", script, (char *)dir, NULL };
	posix_spawn_file_actions_t files;
	pid_t pid;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	if (posix_spawn(&pid, "/bin/sh", &files, NULL, argv, environ))
		pid = -1;
	posix_spawn_file_actions_destroy(&files);
	return pid;
}

/* Reads what the server says until it is ready; false: it has ended instead. */
static inline bool redis_server_ready_(struct redis_server *s, int fd)
{
	char line[256];
	bool ready = false;
	FILE *f = fdopen(fd, "r");
	int pid;

	while (f && !ready && fgets(line, sizeof line, f)) {
		if (sscanf(line, "pid %d", &pid) == 1)
			s->pid = pid;
		ready = strstr(line, "ready to accept connections") != NULL;
	}
	fclose(f);
	return ready && s->pid;
}

static inline void redis_server_stop(struct redis_server *s)
{
	close(s->hold);
	weft_enter_blocking();
	waitpid(s->shell, NULL, 0);
	weft_leave_blocking();
}

/* False: there is no server to be had. */
static inline bool redis_server_start(struct redis_server *s, const char *dir)
{
	int in[2], out[2];
	bool ready;

	*s = (struct redis_server){ .pid = 0 };
	snprintf(s->addr, sizeof s->addr, "unix:%s/redis.sock", dir);
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		return false;
	s->hold = in[1];
	s->shell = redis_server_spawn_(dir, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	weft_enter_blocking();
	ready = redis_server_ready_(s, out[0]);
	weft_leave_blocking();
	if (!ready)
		redis_server_stop(s);
	return ready;
}

#endif
