/*
 * syslog_datagram.c - a socket with datagrams: UDP or unix; see listeners.h
 *
 * A datagram is a message, newlines and NULs inside it included; those at its end go.  Many are
 * taken with one call, into slots of the largest size, of which only what arrives is touched, and
 * copied to the batch.  If the batch must be waited for, the kernel keeps what comes, and drops
 * what it has no room for: it counts those, and so do we.  Their bytes are an estimate, from
 * the average of those that arrived.
 *
 * A message without a host gets its sender's address, and a time if it has none, in the place
 * where RFC 3164 has a relay put them: else nobody could tell whose it was.
 */
#include <arpa/inet.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "listeners.h"

enum {
	SLOTS = 64,
	SLOT = 64 << 10,		/* above what UDP can carry */
	PAGE = 4 << 10,
	HEADER = 80			/* room for a time and an address */
};

struct receiver {
	struct syslog_run *r;
	struct syslog_socket *s;
	struct stream	*st;
	struct batch	*b;		/* being filled, or NULL */
	char		*slots;
	bool		 touched;	/* more than the first page of a slot */
	bool		 names;		/* hosts are put where they are missing */
	bool		 stopped;	/* the intake takes no more */
	uint64_t	 bytes, datagrams, lines;
	uint64_t	 begun;		/* bytes that came before b */
	uint64_t	 unread;	/* bytes that nobody takes any more */
	/* the kernel's drops */
	uint32_t	 seen;
	uint64_t	 dropped;	/* not reported yet */
	int64_t		 told;
	/* the last sender and second, as text */
	struct sockaddr_in6 peer;
	char		 host[INET6_ADDRSTRLEN], stamp[20];
	size_t		 hostlen;
	time_t		 second;
	struct mmsghdr	 msgs[SLOTS];
	struct iovec	 iov[SLOTS];
	struct sockaddr_in6 peers[SLOTS];
};

/* ---- what the kernel dropped ---- */

static void
report_drops(struct receiver *v)
{
	uint64_t each = v->datagrams ? v->bytes / v->datagrams : 0;
	char why[200];

	if (!v->dropped)
		return;
	v->told = weft_now();
	snprintf(why, sizeof(why), "%s: the kernel dropped %llu datagrams: its buffer was full "
	    "(net.core.rmem_max bounds it); the bytes are an estimate", v->s->address,
	    (unsigned long long)v->dropped);
	v->r->in->lost(v->r->in, v->st, v->dropped * (each ? each : 1), why);
	v->dropped = 0;
}

/* At most once a minute, but the first time at once. */
static void
look_for_drops(struct receiver *v)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(v->s->fd, SOL_SOCKET, SO_MEMINFO, info, &len))
		return;
	v->dropped += info[SK_MEMINFO_DROPS] - v->seen;	/* it wraps around */
	v->seen = info[SK_MEMINFO_DROPS];
	if (v->dropped && (!v->told || weft_now() - v->told >= 60 * WEFT_SECOND))
		report_drops(v);
}

/* ---- the header that is missing ---- */

static void
set_peer(struct receiver *v, const struct sockaddr_in6 *p)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)p;

	if (memcmp(p, &v->peer, sizeof(*p)) == 0)
		return;
	v->peer = *p;
	v->host[0] = '\0';
	if (p->sin6_family == AF_INET)
		inet_ntop(AF_INET, &in->sin_addr, v->host, sizeof(v->host));
	else if (IN6_IS_ADDR_V4MAPPED(&p->sin6_addr))
		inet_ntop(AF_INET, p->sin6_addr.s6_addr + 12, v->host, sizeof(v->host));
	else
		inet_ntop(AF_INET6, &p->sin6_addr, v->host, sizeof(v->host));
	v->hostlen = strlen(v->host);
}

static void
set_stamp(struct receiver *v)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = time(NULL);
	struct tm tm;

	if (now == v->second)
		return;
	v->second = now;
	localtime_r(&now, &tm);
	snprintf(v->stamp, sizeof(v->stamp), "%.3s %2u %02u:%02u:%02u ",
	    months + 3 * tm.tm_mon, tm.tm_mday % 100u, tm.tm_hour % 100u, tm.tm_min % 100u,
	    tm.tm_sec % 100u);
}

/* The message, with its sender if it does not say; the batch has room for it. */
static void
add_text(struct receiver *v, const char *text, size_t len, const struct sockaddr_in6 *peer)
{
	struct buf *b = &v->b->bytes;
	size_t at = 0;
	bool when = false;

	if (v->names && (!len || text[0] != '{') && framing_lacks_host(text, len, &at, &when)) {
		set_peer(v, peer);
		buf_add(b, text, at);
		if (when) {
			set_stamp(v);
			buf_adds(b, v->stamp);
		}
		buf_add(b, v->host, v->hostlen);
		buf_addc(b, ' ');
	}
	buf_add(b, text + at, len - at);
	buf_addc(b, '\n');
}

/* ---- into batches ---- */

static void
submit(struct receiver *v)
{
	struct batch *b = v->b;

	v->b = NULL;
	if (!b)
		return;
	if (!b->nlines) {
		batch_unref(b);
		return;
	}
	batch_seal(b, v->begun, v->bytes, v->lines + 1);
	v->begun = v->bytes;
	v->lines += b->nlines;
	v->r->in->submit(v->r->in, v->st, b);
}

/* A batch with room for one more. */
static bool
have_room(struct receiver *v, size_t len, bool many)
{
	struct intake *in = v->r->in;
	size_t room = len + HEADER;

	if (v->b && (v->b->nlines == BATCH_LINES || batch_room(v->b) < room))
		submit(v);
	if (many && room < in->batch)
		room = in->batch;
	if (!v->b && !(v->b = in->get(in, v->st, room)))
		v->stopped = true;
	return !v->stopped;
}

static void
add_datagram(struct receiver *v, int i, bool many)
{
	const char *text = v->slots + (size_t)i * SLOT;
	size_t all = v->msgs[i].msg_len, size = all < SLOT ? all : SLOT;
	size_t len = message_length(text, size), from;
	struct line *l;

	if (v->stopped || (len && !have_room(v, len, many))) {
		v->unread += all;
		return;
	}
	v->touched |= size > PAGE;
	v->bytes += size;
	v->datagrams++;
	if (!len)
		return;			/* nothing in it */
	from = v->b->bytes.len;
	add_text(v, text, len, &v->peers[i]);
	l = batch_add(v->b);
	l->text = v->b->bytes.data + from;
	l->len = v->b->bytes.len - from - 1;
	l->end = v->bytes - v->begun;
	if (all > size) {
		v->r->in->lost(v->r->in, v->st, all - size, "the end of a datagram above 64 KiB");
		l->error = "a piece of a datagram that is too long";
		l->fate = DEAD;
	}
}

/* How many there were; -EAGAIN: none. */
static int
receive(struct receiver *v)
{
	int n;

	for (int i = 0; i < SLOTS; i++)
		v->msgs[i].msg_hdr.msg_namelen = sizeof(v->peers[i]);
	n = recvmmsg(v->s->fd, v->msgs, SLOTS, MSG_DONTWAIT | MSG_TRUNC, NULL);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	for (int i = 0; i < n; i++)
		add_datagram(v, i, n == SLOTS);
	return n;
}

/* All that is there; at most so many bytes. */
static int
receive_all(struct receiver *v, uint64_t most)
{
	uint64_t end = v->bytes + v->unread + most;
	int n;

	do
		n = receive(v);
	while (n == SLOTS && v->bytes + v->unread < end);
	submit(v);
	look_for_drops(v);
	return n < 0 && n != -EAGAIN ? n : 0;
}

static void
run(struct receiver *v)
{
	int err;

	while (!v->stopped && !weft_err(v->r->ctx)) {
		if (v->touched) {
			madvise(v->slots, (size_t)SLOTS * SLOT, MADV_DONTNEED);
			v->touched = false;
		}
		err = weft_wait_fd(v->r->ctx, v->s->fd, POLLIN);
		if (err > 0)
			err = receive_all(v, 8 << 20);
		if (err < 0 && !weft_err(v->r->ctx)) {
			syslog_gripe(v->r, &v->r->broken, err, "%s: %s", v->s->address,
			    strerror(-err));
			weft_sleep_ctx(v->r->ctx, WEFT_SECOND / 4);
		}
	}
	receive_all(v, DRAIN_BYTES);
	if (v->unread)
		v->r->in->lost(v->r->in, v->st, v->unread, "stopped before they could be taken");
	report_drops(v);
}

static void
prepare(struct receiver *v)
{
	v->slots = mmap(NULL, (size_t)SLOTS * SLOT, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (v->slots == MAP_FAILED)
		die("out of memory: %d bytes for datagrams", SLOTS * SLOT);
	madvise(v->slots, (size_t)SLOTS * SLOT, MADV_NOHUGEPAGE);
	for (int i = 0; i < SLOTS; i++) {
		v->iov[i] = (struct iovec){ v->slots + (size_t)i * SLOT, SLOT };
		v->msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &v->iov[i], .msg_iovlen = 1,
		    .msg_name = &v->peers[i], .msg_namelen = sizeof(v->peers[i]) };
	}
}

void
syslog_datagrams(struct syslog_run *r, struct syslog_socket *s)
{
	struct receiver *v = xcalloc(1, sizeof(*v));
	int format = r->o->format;

	v->r = r;
	v->s = s;
	v->names = s->kind == SYSLOG_UDP &&
	    (format == WEFT_LINE_AUTO || format == WEFT_LINE_SYSLOG);
	prepare(v);
	v->st = r->in->open(r->in, s->address, NULL, NULL);
	run(v);
	r->in->close(r->in, v->st, true, false);
	munmap(v->slots, (size_t)SLOTS * SLOT);
	free(v);
}
