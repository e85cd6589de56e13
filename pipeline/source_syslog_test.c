/* source_syslog_test.c - syslog over sockets of all kinds: nothing is lost or torn in silence */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "listening_test.h"
#include "tls_test.h"

static weft_conn *
dial(const char *address)
{
	weft_conn *c = NULL;

	CHECK_EQ(weft_dial(NULL, address, &c), 0);
	REQUIRE(c);
	return c;
}

static void
say(weft_conn *c, const char *text)
{
	CHECK_EQ(weft_write(NULL, c, text, strlen(text)), strlen(text));
}

TEST(TcpBothFramings)
{
	struct listening l = { 0 };
	weft_conn *c;

	listening_begin(&l, "tcp://127.0.0.1:0");
	c = dial(l.address);
	say(c, "<34>Oct 11 22:14:15 host su: one\n<34>two\r\n<34>thr");
	say(c, "ee\n<34>end");
	weft_conn_close(c);
	intake_wait_closed(&l.t, 1);
	CHECK_STR(intake_text(&l.t),
	    "<34>Oct 11 22:14:15 host su: one\n<34>two\n<34>three\n<34>end\n");
	CHECK_EQ(strncmp(l.t.streams->name, "tcp://127.0.0.1:", 16), 0);
	c = dial(l.address);
	say(c, "7 <34>one12 <34>two\nmore3 ");
	say(c, "abc");
	weft_conn_close(c);
	intake_wait_closed(&l.t, 2);
	CHECK_STR(intake_text(&l.t), "<34>one\n<34>two\nmore\nabc\n");
	listening_end(&l);
}

static void
talk(struct listening *l, int who)
{
	weft_conn *c = dial(l->address);
	struct buf b = { 0 };
	char text[100];

	for (int i = 0; i < 1000; i++) {
		int n = snprintf(text, sizeof(text), "<34>%d says %0*d", who, 1 + i % 60, i);

		if (who % 2)
			buf_printf(&b, "%d %s", n, text);
		else
			buf_printf(&b, "%s\n", text);
		/* often in the middle of a message */
		if (b.len > (size_t)who * 300) {
			size_t half = b.len - b.len / 7;

			CHECK_EQ(weft_write(NULL, c, b.data, half), half);
			memmove(b.data, b.data + half, b.len - half);
			b.len -= half;
		}
	}
	CHECK_EQ(weft_write(NULL, c, b.data, b.len), b.len);
	buf_finish(&b);
	weft_conn_close(c);
}

/* Each stream has all of one talker's lines, in order. */
static void
check_talk(struct stream *st)
{
	char *save = NULL;
	int who = -1, n = 0;

	buf_addc(&st->text, '\0');
	for (char *l = strtok_r(st->text.data, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		int w, i;

		REQUIRE(sscanf(l, "<34>%d says %d", &w, &i) == 2);
		if (who < 0)
			who = w;
		CHECK_EQ(w, who);
		CHECK_EQ(i, n++);
	}
	CHECK_EQ(n, 1000);
}

TEST(TenConnectionsAtOnce)
{
	struct listening l = { 0 };
	weft_waitgroup talking = { 0 };

	listening_begin(&l, "tcp://127.0.0.1:0");
	for (int i = 0; i < 10; i++)
		weft_waitgroup_go(&talking, talk, &l, i);
	weft_waitgroup_wait(&talking);
	intake_wait_closed(&l.t, 10);
	CHECK_EQ(l.t.lines, 10000);
	for (struct stream *st = l.t.streams; st; st = st->next)
		check_talk(st);
	listening_end(&l);
}

TEST(AResetInTheMiddleOfALine)
{
	struct listening l = { 0 };
	struct linger now = { .l_onoff = 1 };
	weft_conn *c;

	listening_begin(&l, "tcp://127.0.0.1:0");
	c = dial(l.address);
	say(c, "<34>one\n<34>hal");
	intake_wait_lines(&l.t, 1);
	setsockopt(weft_conn_fd(c), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	weft_conn_close(c);
	intake_wait_closed(&l.t, 1);
	CHECK_STR(intake_text(&l.t), "<34>one\n<34>hal\n");
	listening_end(&l);
}

TEST(AnAbsurdLengthClosesTheConnection)
{
	struct listening l = { 0 };
	weft_conn *c;
	char byte;

	listening_begin(&l, "tcp://127.0.0.1:0");
	c = dial(l.address);
	say(c, "3 abc999999999 <34>");
	CHECK_EQ(weft_read(NULL, c, &byte, 1) > 0, 0);
	intake_wait_told(&l.t, "closed: the length of a message is absurd");
	intake_wait_closed(&l.t, 1);
	weft_conn_close(c);
	listening_end(&l);
}

TEST(ASlowPeerDelaysNobody)
{
	struct listening l = { 0 };
	weft_conn *slow, *idle, *quick;

	listening_begin(&l, "tcp://127.0.0.1:0");
	slow = dial(l.address);
	idle = dial(l.address);
	say(slow, "100 <34>half of it");
	quick = dial(l.address);
	say(quick, "<34>through\n");
	intake_wait_lines(&l.t, 1);
	weft_conn_close(quick);
	weft_conn_close(slow);
	intake_wait_lines(&l.t, 2);
	weft_conn_close(idle);
	intake_wait_closed(&l.t, 3);
	listening_end(&l);
}

TEST(UnixStreams)
{
	struct listening l = { 0 };
	char address[300];
	weft_conn *c;

	snprintf(address, sizeof(address), "unix:%s/s", weft_tempdir());
	listening_begin(&l, address);
	c = dial(address);
	say(c, "<34>one\n");
	intake_wait_lines(&l.t, 1);
	CHECK_STR(l.t.streams->name, address);
	weft_conn_close(c);
	listening_end(&l);
	CHECK(access(address + 5, F_OK) < 0);
}

TEST(WhatWasSentBeforeTheEndIsRead)
{
	struct listening l = { 0 };
	weft_conn *c;

	listening_begin(&l, "tcp://127.0.0.1:0");
	l.t.stalled = true;
	c = dial(l.address);
	for (int i = 0; i < 1000; i++)
		say(c, "<34>a line\n");
	weft_cancel(l.ctx);
	intake_set(&l.t, &l.t.stalled, false);
	intake_wait_lines(&l.t, 1000);
	weft_conn_close(c);
	listening_end(&l);
}

TEST(WhatCannotBeReadAtTheEndIsCounted)
{
	struct listening l = { 0 };
	weft_conn *c, *d;

	listening_open(&l, "tcp://127.0.0.1:0 udp://127.0.0.1:0");
	l.t.refuses = true;
	c = dial(l.address);
	for (int i = 0; i < 1000; i++)
		say(c, "<34>a line\n");
	source_syslog_address(l.s, 1, l.address);
	d = dial(l.address);
	for (int i = 0; i < 100; i++)
		say(d, "<34>1 - a datagram");
	weft_waitgroup_go(&l.end, listening_run, &l);
	intake_wait_closed(&l.t, 2);
	weft_conn_close(c);
	weft_conn_close(d);
	listening_stop(&l);
	CHECK_EQ(l.t.lost, 11000 + 1800);
	intake_finish(&l.t);
}

/* ---- datagrams ---- */

static int
unixgram(const char *path, int (*f)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	REQUIRE(fd >= 0 && strlen(path) < sizeof(un.sun_path));
	memcpy(un.sun_path, path, strlen(path));
	CHECK_EQ(f(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

TEST(UnixDatagrams)
{
	struct listening l = { 0 };
	char address[300];
	int fd;

	snprintf(address, sizeof(address), "unixgram:%s/log", weft_tempdir());
	listening_begin(&l, address);
	listening_end(&l);
	CHECK(access(address + 9, F_OK) < 0);
	/* one that a process left behind is replaced */
	fd = unixgram(address + 9, bind);
	close(fd);

	l = (struct listening){ 0 };
	listening_begin(&l, address);
	fd = unixgram(address + 9, connect);
	CHECK_EQ(send(fd, "<13>one\n", 8, 0), 8);
	CHECK_EQ(send(fd, "<13>two\nlines\n\0", 15, 0), 15);
	CHECK_EQ(send(fd, "", 0, 0), 0);
	CHECK_EQ(send(fd, "<13>three", 9, 0), 9);
	close(fd);
	intake_wait_lines(&l.t, 3);
	CHECK_STR(intake_text(&l.t), "<13>one\n<13>two\nlines\n<13>three\n");
	listening_end(&l);
}

TEST(ALiveUnixDatagramSocketIsNotTaken)
{
	struct listening l = { 0 };
	struct syslog_sockets *other = NULL;
	struct buf err = { 0 };
	char address[300];

	snprintf(address, sizeof(address), "unixgram:%s/log", weft_tempdir());
	listening_begin(&l, address);
	CHECK_EQ(source_syslog_listen(&l.o, &other, &err), -EADDRINUSE);
	CHECK(strstr(buf_str(&err), "another program"));
	buf_finish(&err);
	listening_end(&l);
}

TEST(UdpMessagesGetTheHostTheyLack)
{
	struct listening l = { 0 };
	weft_conn *c;
	char *text;

	listening_begin(&l, "udp://127.0.0.1:0");
	c = dial(l.address);
	say(c, "<13>Oct 11 22:14:15 there su: one\n");
	say(c, "<13>Oct 11 22:14:15 su: two");
	say(c, "{\"msg\":\"three\"}");
	say(c, "<13>1 2026-11-25T18:31:51Z h app - - - four");
	say(c, "<13>five");
	intake_wait_lines(&l.t, 5);
	text = (char *)intake_text(&l.t);
	text[strlen(text) - strlen("Nov 25 18:31:51 127.0.0.1 five\n")] = '\0';
	CHECK_STR(text, "<13>Oct 11 22:14:15 there su: one\n"
	    "<13>Oct 11 22:14:15 127.0.0.1 su: two\n{\"msg\":\"three\"}\n"
	    "<13>1 2026-11-25T18:31:51Z h app - - - four\n<13>");
	CHECK_STR(text + strlen(text) + 1 + 15, "127.0.0.1 five\n");
	weft_conn_close(c);
	listening_end(&l);
}

static void
burst(struct listening *l, int n, size_t size)
{
	weft_conn *c = dial(l->address);
	char text[9000];

	memset(text, 'x', sizeof(text));
	for (int i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "<13>1 - - %d", i);
		text[strlen(text)] = ' ';
		CHECK_EQ(weft_write(NULL, c, text, size), size);
	}
	weft_conn_close(c);
}

/* The datagrams that the messages speak of. */
static uint64_t
dropped(const char *told)
{
	uint64_t sum = 0;

	while ((told = strstr(told, "the kernel dropped "))) {
		told += strlen("the kernel dropped ");
		sum += strtoull(told, NULL, 10);
	}
	return sum;
}

TEST(UdpDropsAreCounted)
{
	struct listening l = { 0 };
	int size = 64 << 10, n = 2000;

	listening_open(&l, "udp://127.0.0.1:0");
	setsockopt(l.s->all[0].fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	l.t.stalled = true;
	weft_waitgroup_go(&l.end, listening_run, &l);
	burst(&l, n, 200);
	intake_set(&l.t, &l.t.stalled, false);
	listening_stop(&l);
	CHECK(l.t.lines > 0);
	CHECK(dropped(buf_str(&l.t.told)) > 0);
	CHECK_EQ(l.t.lines + dropped(buf_str(&l.t.told)), n);
	CHECK_EQ(l.t.lost, dropped(buf_str(&l.t.told)) * 200);
	intake_finish(&l.t);
}

TEST(UdpBurstsArriveWhole)
{
	struct listening l = { 0 };

	listening_begin(&l, "udp://127.0.0.1:0");
	burst(&l, 3000, 300);
	burst(&l, 50, 8000);
	listening_stop(&l);
	CHECK_EQ(l.t.lines + dropped(buf_str(&l.t.told)), 3050);
	if (!l.t.lost)
		CHECK_EQ(l.t.streams->to, 3000 * 300 + 50 * 8000);
	intake_finish(&l.t);
}

TEST(AllAddressesAtOnce)
{
	struct listening l = { 0 };
	char address[WEFT_ADDR_MAX], *port;
	weft_conn *c;

	listening_begin(&l, "tcp://:0 udp://:0");
	port = strrchr(l.address, ':');
	snprintf(address, sizeof(address), "tcp://127.0.0.1%s", port);
	c = dial(address);
	say(c, "<34>by four\n");
	intake_wait_lines(&l.t, 1);
	CHECK_EQ(strncmp(l.t.streams->name, "tcp://127.0.0.1:", 16), 0);
	weft_conn_close(c);
	intake_wait_closed(&l.t, 1);
	source_syslog_address(l.s, 1, l.address);
	snprintf(address, sizeof(address), "udp://127.0.0.1%s", strrchr(l.address, ':'));
	c = dial(address);
	say(c, "<13>Oct 11 22:14:15 su: x");
	intake_wait_lines(&l.t, 2);
	weft_conn_close(c);
	listening_end(&l);
}

/* ---- what goes wrong ---- */

static void
check_complaint(const char *addresses, const char *why)
{
	struct weft_source_options o = { .listen = addresses };
	struct buf err = { 0 };

	CHECK(source_syslog_check(&o, &err) < 0);
	CHECK(strstr(buf_str(&err), why));
	buf_finish(&err);
}

TEST(BadAddressesAreExplained)
{
	struct weft_source_options o = { .listen = "udp://:514 tcp://[::1]:601 unix:/run/x" };
	struct buf err = { 0 };

	CHECK_EQ(source_syslog_check(&o, &err), 0);
	check_complaint("", "no address");
	check_complaint("udp://:514 514", "514: it must begin with");
	check_complaint("udp://localhost", "no port");
	check_complaint("tcp://h:70000", "too big");
	check_complaint("tcp://::1:601", "brackets");
	check_complaint("unix:", "no path");
	check_complaint("tls://:6514", "certificate");
	o.cert = "x";
	CHECK_EQ(source_syslog_check(&o, &err), -EINVAL);
	buf_finish(&err);
}

TEST(PortsInUseAreNamed)
{
	struct listening l = { 0 };
	struct syslog_sockets *s = NULL;
	struct buf err = { 0 };

	listening_begin(&l, "tcp://127.0.0.1:0");
	l.o.listen = l.address;
	CHECK_EQ(source_syslog_listen(&l.o, &s, &err), -EADDRINUSE);
	CHECK(strstr(buf_str(&err), l.address));
	CHECK(strstr(buf_str(&err), "another program"));
	buf_finish(&err);
	listening_end(&l);
}

TEST(NoDescriptorsLeftIsNotTheEnd)
{
	struct listening l = { 0 };
	struct rlimit old, low;
	weft_conn *c, *late;
	int next;

	listening_begin(&l, "tcp://127.0.0.1:0");
	c = dial(l.address);
	say(c, "<34>one\n");
	intake_wait_lines(&l.t, 1);
	getrlimit(RLIMIT_NOFILE, &old);
	next = fcntl(0, F_DUPFD_CLOEXEC, 0);
	close(next);
	low = old;
	low.rlim_cur = next + 1;	/* one more: the sender's */
	setrlimit(RLIMIT_NOFILE, &low);
	late = dial(l.address);
	intake_wait_told(&l.t, "Too many open files; will go on trying");
	setrlimit(RLIMIT_NOFILE, &old);
	say(late, "<34>two\n");
	intake_wait_lines(&l.t, 2);
	weft_conn_close(late);
	weft_conn_close(c);
	listening_end(&l);
}

TEST(TooManyConnectionsWait)
{
	struct listening l = { 0 };
	weft_conn *c[4];

	listening_open(&l, "tcp://127.0.0.1:0");
	l.s->most = 2;
	weft_waitgroup_go(&l.end, listening_run, &l);
	for (int i = 0; i < 4; i++) {
		c[i] = dial(l.address);
		say(c[i], "<34>x\n");
	}
	intake_wait_told(&l.t, "there are 2 connections, the most there may be");
	intake_wait_lines(&l.t, 2);
	CHECK_EQ(l.t.opened, 2);
	weft_conn_close(c[0]);
	intake_wait_lines(&l.t, 3);	/* what it sent has waited, too */
	for (int i = 1; i < 4; i++)
		weft_conn_close(c[i]);
	intake_wait_lines(&l.t, 4);
	listening_end(&l);
}

/* ---- TLS ---- */

struct sealed_talk {
	struct listening *l;
	const struct certs *c;
	bool	 good;			/* with the certificate that is asked for */
	int	 err;
	weft_waitgroup end;
};

static void
talk_sealed(struct sealed_talk *k)
{
	struct tls_options o = { .ca = k->c->ca };
	struct tls_setup *setup = NULL;
	struct buf why = { 0 };
	weft_conn *c = dial(k->l->address);
	struct tls *t;
	char byte;

	if (k->good) {
		o.cert = k->c->client;
		o.key = k->c->client_key;
	}
	REQUIRE(tls_setup_new(&o, &setup, &why) == 0);
	t = tls_new(setup, "localhost");
	k->err = tls_shake(NULL, t, c, &why);
	for (int i = 0; !k->err && i < 5000; i++) {
		struct buf *out;

		CHECK_EQ(tls_seal(t, "<34>sealed\n", 11, &why), 0);
		out = tls_out(t);
		if (weft_write(NULL, c, out->data, out->len) < 0)
			break;		/* a refusal comes late in TLS 1.3 */
		out->len = 0;
	}
	if (k->good)
		weft_close_write(c);
	/* to the end: who closes with something unread resets what the other has not */
	ssize_t n = k->err ? k->err : tls_read(NULL, t, c, &byte, 1, &why);
	k->err = k->good ? k->err : n;
	tls_free(t);
	tls_setup_free(setup);
	weft_conn_close(c);
	buf_finish(&why);
	weft_waitgroup_done(&k->end);
}

static int
sealed(struct listening *l, const struct certs *c, bool good)
{
	struct sealed_talk k = { .l = l, .c = c, .good = good };

	weft_waitgroup_add(&k.end, 1);
	weft_go_stack(TLS_STACK, talk_sealed, &k);
	weft_waitgroup_wait(&k.end);
	return k.err;
}

TEST(TlsConnections)
{
	struct listening l = { 0 };
	struct certs c;
	weft_conn *plain;

	certs_make(&c);
	l.o.cert = c.cert;
	l.o.key = c.key;
	l.o.ca = c.ca;
	listening_begin(&l, "tls://127.0.0.1:0");
	CHECK_EQ(sealed(&l, &c, true), 0);
	intake_wait_lines(&l.t, 5000);
	CHECK_EQ(strncmp(l.t.streams->name, "tls://127.0.0.1:", 16), 0);
	intake_wait_closed(&l.t, 1);
	CHECK(sealed(&l, &c, false) < 0);
	intake_wait_told(&l.t, "refused: TLS: peer did not return a certificate");
	plain = dial(l.address);
	say(plain, "<34>no handshake, but as long as a header\n");
	CHECK(weft_read(NULL, plain, (char[200]){ 0 }, 200) < 200);
	weft_conn_close(plain);
	CHECK_EQ(l.t.opened, 1);
	listening_end(&l);
}
