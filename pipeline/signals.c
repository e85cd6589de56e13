/* signals.c - signals become bytes in a pipe that a goroutine reads; see signals.h */
#include "signals.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "weft/net.h"

static int bell[2];

static void
on_stop(int sig)
{
	static volatile sig_atomic_t before;
	int saved = errno;

	if (before || write(bell[1], "s", 1) < 0)
		_exit(128 + sig);
	before = 1;
	errno = saved;
}

static void
on_reload(int sig)
{
	int saved = errno;
	ssize_t n = write(bell[1], "r", 1);	/* a full pipe has one in it already */

	(void)sig, (void)n;
	errno = saved;
}

/* Who was started by nohup does not stop when the terminal goes. */
static void
catch_hangup(const struct sigaction *stop, const struct sigaction *again)
{
	struct sigaction before;

	sigaction(SIGHUP, again ? again : stop, &before);
	if (!again && before.sa_handler == SIG_IGN)
		sigaction(SIGHUP, &before, NULL);
}

int
signals_catch(bool reload)
{
	struct sigaction stop = { .sa_handler = on_stop, .sa_flags = SA_RESTART | SA_ONSTACK };
	struct sigaction again = { .sa_handler = on_reload, .sa_flags = SA_RESTART | SA_ONSTACK };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	if (pipe2(bell, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	catch_hangup(&stop, reload ? &again : NULL);
	sigaction(SIGPIPE, &ignore, NULL);	/* write tells us with EPIPE */
	return 0;
}

void
signals_watch(weft_ctx *life, const struct signals *s)
{
	char c;

	while (weft_wait_fd(life, bell[0], POLLIN) > 0)
		while (read(bell[0], &c, 1) == 1) {
			if (c == 's')
				s->stop(s->arg);
			else if (s->reload)
				s->reload(s->arg);
		}
}
