/*
 * poll_epoll.c - the netpoller
 *
 * A descriptor is registered once, edge-triggered, with the epoll of the worker
 * that opens it; callers try the system call first and wait only on EAGAIN.  The
 * root epoll holds all of theirs and tells any worker that looks which of them has
 * events.  One idle worker, the pollster, sleeps in it; an eventfd wakes it.
 */
#include "poll.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "chan.h"
#include "sanitize.h"
#include "worker.h"

enum { EVENTS = 128 };

static _Atomic unsigned pool_lock;
static struct pd *pool;

static uint64_t tag(struct pd *pd)
{
	/* user addresses leave 16 bits for the generation */
	return (uint64_t)(uintptr_t)pd | (uint64_t)pd->gen << 48;
}

int poll_new(void)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return -errno;
	ev.data.fd = fd;
	if (epoll_ctl(sched.root, EPOLL_CTL_ADD, fd, &ev)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

void poll_free(int epfd)
{
	close(epfd);
}

void poll_init(void)
{
	struct epoll_event ev = { .events = EPOLLIN };

	sched.root = epoll_create1(EPOLL_CLOEXEC);
	sched.kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ev.data.fd = sched.kick;
	if (sched.root < 0 || sched.kick < 0 ||
	    epoll_ctl(sched.root, EPOLL_CTL_ADD, sched.kick, &ev))
		die("cannot start: no epoll or eventfd descriptor (check ulimit -n)");
}

void poll_kick(void)
{
	uint64_t one = 1;

	while (write(sched.kick, &one, sizeof one) < 0 && errno == EINTR)
		;
}

static struct node *edge(struct pd *pd, enum dir dir)
{
	struct node *n = waitq_pop(&pd->q[dir]);

	if (!n)
		pd->ready[dir] = true;
	return n;
}

static void event(struct epoll_event *ev)
{
	struct pd *pd = (struct pd *)(uintptr_t)(ev->data.u64 << 16 >> 16);
	struct node *r = NULL, *w = NULL;

	lock(&pd->lock);
	if ((uint16_t)pd->gen == (uint16_t)(ev->data.u64 >> 48)) {
		if (ev->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI))
			pd->ask = true;
		if (pd->merge)
			r = edge(pd, DIR_READ);
		else if (ev->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			r = edge(pd, DIR_READ);
		if (!pd->merge && ev->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
			w = edge(pd, DIR_WRITE);
	}
	unlock(&pd->lock);
	if (r)
		waitq_wake(r);
	if (w)
		waitq_wake(w);
}

static bool drain(struct worker *w, int epfd)
{
	struct epoll_event ev[EVENTS];
	bool found = false;
	int n;

	do {
		san_ignore_begin();
		n = epoll_wait(epfd, ev, EVENTS, 0);
		san_ignore_end();
		w->stats.polls++;
		for (int i = 0; i < n; i++)
			event(&ev[i]);
		found |= n > 0;
	} while (n == EVENTS);
	return found;
}

/* The eventfd is the pollster's to read. */
static bool drain_ready(struct worker *w, const struct epoll_event *ev, int n)
{
	bool found = false;

	for (int i = 0; i < n; i++)
		if (ev[i].data.fd != sched.kick)
			found |= drain(w, ev[i].data.fd);
	return found;
}

bool poll_look(struct worker *w)
{
	struct epoll_event ev[16];
	int n;

	san_ignore_begin();
	n = epoll_wait(sched.root, ev, 16, 0);
	san_ignore_end();
	w->stats.polls++;
	return drain_ready(w, ev, n);
}

static int wait_root(struct epoll_event *ev, int n, int64_t ns)
{
	static _Atomic bool no_pwait2;	/* before 5.11, or EPERM from a filter of that age */
	struct timespec ts = { ns / WEFT_SECOND, ns % WEFT_SECOND };
	int got;

	if (!no_pwait2) {
		got = epoll_pwait2(sched.root, ev, n, ns < 0 ? NULL : &ts, NULL);
		if (got >= 0 || (errno != ENOSYS && errno != EPERM))
			return got;
		no_pwait2 = true;
	}
	return epoll_wait(sched.root, ev, n, ns < 0 ? -1 : ns > 1000 * WEFT_SECOND ?
	    1000000 : (int)((ns + WEFT_MS - 1) / WEFT_MS));
}

/*
 * To be put to sleep and woken again takes a kernel tens of microseconds, in a virtual
 * machine more: a timer that is due as soon as that is waited for awake.
 */
enum { NEAR_NS = 60000 };

void poll_sleep(struct worker *w, int64_t until)
{
	struct epoll_event ev[16];
	int64_t left = until == INT64_MAX ? -1 : until - clock_now();
	bool near = until != INT64_MAX && left < NEAR_NS;
	uint64_t count;
	int n;

	do
		n = wait_root(ev, 16, near ? 0 : left);
	while (near && !n && !atomic_load(&w->woken) && clock_now() < until);
	w->stats.polls++;
	drain_ready(w, ev, n);
	for (int i = 0; i < n; i++)
		if (ev[i].data.fd == sched.kick && read(sched.kick, &count, sizeof count) < 0)
			continue;	/* somebody read it: good enough */
}

/* ---- descriptors ---- */

static struct pd *pd_get(void)
{
	struct pd *pd;

	lock(&pool_lock);
	pd = pool;
	if (pd)
		pool = pd->link;
	unlock(&pool_lock);
	return pd ? pd : xcalloc(1, sizeof *pd);
}

static int home_epoll(void)
{
	struct worker *w = self()->w;

	if (w)
		return w->epfd;
	sched_die_unless_running("waiting for a descriptor");
	return sched.worker[0]->epfd;
}

static void pd_put(struct pd *pd)
{
	lock(&pd->lock);
	pd->gen++;
	pd->closed = true;
	unlock(&pd->lock);
	lock(&pool_lock);
	pd->link = pool;
	pool = pd;
	unlock(&pool_lock);
}

int pd_open(int fd, uint32_t events, bool merge, struct pd **out)
{
	struct pd *pd = pd_get();
	struct epoll_event ev = { .events = events | EPOLLET };
	int err;

	lock(&pd->lock);
	pd->fd = fd;
	pd->epfd = fd < 0 ? -1 : home_epoll();
	pd->merge = merge;
	pd->closed = pd->ready[DIR_READ] = pd->ready[DIR_WRITE] = false;
	pd->ask = pd->drained = false;
	ev.data.u64 = tag(pd);
	unlock(&pd->lock);
	san_ignore_begin();
	err = fd >= 0 && epoll_ctl(pd->epfd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
	san_ignore_end();
	if (!err) {
		*out = pd;
		return 0;
	}
	pd_put(pd);
	return err;
}

void pd_free(struct pd *pd)
{
	san_ignore_begin();
	if (pd->fd >= 0 && !sched.forked)	/* the epoll is the parent's, too */
		epoll_ctl(pd->epfd, EPOLL_CTL_DEL, pd->fd, NULL);
	san_ignore_end();
	pd_put(pd);
}

void pd_close(struct pd *pd)
{
	struct node *n[2];

	lock(&pd->lock);
	pd->closed = true;
	for (int d = 0; d < 2; d++)
		n[d] = waitq_pop(&pd->q[d]);
	unlock(&pd->lock);
	for (int d = 0; d < 2; d++)
		if (n[d])
			waitq_wake(n[d]);
}

void pd_edge(struct pd *pd, enum dir dir)
{
	struct node *n;

	lock(&pd->lock);
	n = edge(pd, dir);
	unlock(&pd->lock);
	if (n)
		waitq_wake(n);
}

int pd_wait(struct pd *pd, enum dir dir, weft_ctx *ctx, enum reason why, const void *pc)
{
	int err;

	lock(&pd->lock);
	if (pd->closed || pd->ready[dir]) {
		pd->ready[dir] = false;
		err = pd->closed ? -EBADF : 0;
		unlock(&pd->lock);
		return err;
	}
	atomic_fetch_add(&sched.polling, 1);
	err = waitq_wait(&pd->q[dir], &pd->lock, ctx, why, pd, pc);
	atomic_fetch_sub(&sched.polling, 1);
	if (!err && pd->closed)
		err = -EBADF;
	return err;
}
