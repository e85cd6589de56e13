/* sink_syslog_test.c - what is forwarded arrives: slow peers, resets, all kinds of wire */
#include <sys/socket.h>
#include <unistd.h>

#include "forward_test.h"

static void
forwarded(const char *address, bool octets)
{
	struct listening l = { 0 };
	struct sink *s;

	listening_begin(&l, address);
	s = forward(&(struct weft_syslog_options){ .address = l.address, .octets = octets });
	for (int i = 0; i < 40; i++)
		deliver_series(s, 100 * i, 100 * i + 100, i * 40);
	CHECK_EQ(s->kind->sync(s), 0);
	sink_close(s);
	intake_wait_lines(&l.t, 4000);
	listening_stop(&l);
	check_once(&l.t, 4000);
	intake_finish(&l.t);
}

TEST(ForwardOverTcp)
{
	forwarded("tcp://127.0.0.1:0", false);
	forwarded("tcp://127.0.0.1:0", true);
}

TEST(ForwardOverUnixSockets)
{
	char address[300];

	snprintf(address, sizeof(address), "unix:%s/a", weft_tempdir());
	forwarded(address, true);
	snprintf(address, sizeof(address), "unixgram:%s/b", weft_tempdir());
	forwarded(address, false);
}

TEST(ForwardToDevLogFindsOutWhatItIs)
{
	struct listening l = { 0 };
	char address[300], plain[300];
	struct sink *s;

	snprintf(address, sizeof(address), "unixgram:%s/log", weft_tempdir());
	snprintf(plain, sizeof(plain), "unix:%s", address + 9);
	listening_begin(&l, address);
	s = forward(&(struct weft_syslog_options){ .address = plain });
	deliver_series(s, 0, 10, 50);
	intake_wait_lines(&l.t, 10);
	sink_close(s);
	listening_stop(&l);
	check_once(&l.t, 10);
	intake_finish(&l.t);
}

TEST(ForwardedRecordsStayWhole)
{
	struct listening l = { 0 };
	static const char text[] = "<13>a\nb\0c\n\n<13>d\n";
	const uint32_t ends[] = { 10, 11, 17 };
	struct sink *s;

	for (int octets = 0; octets < 2; octets++) {
		l = (struct listening){ 0 };
		listening_begin(&l, "tcp://127.0.0.1:0");
		s = forward(&(struct weft_syslog_options){ .address = l.address,
		    .octets = octets });
		deliver(s, &(struct parcel){ .data = text, .len = 17, .records = 3,
		    .ends = ends });
		sink_close(s);
		intake_wait_lines(&l.t, 2);
		if (octets)
			CHECK(memcmp(intake_text(&l.t), "<13>a\nb\0c\n<13>d\n", 16) == 0);
		else
			CHECK_STR(intake_text(&l.t), "<13>a#012b#000c\n<13>d\n");
		listening_end(&l);
	}
}

/* ---- what goes wrong ---- */

static weft_conn *
accept_one(weft_listener *l)
{
	weft_conn *c = NULL;

	CHECK_EQ(weft_accept(NULL, l, &c), 0);
	REQUIRE(c);
	return c;
}

struct raw {
	weft_listener	*l;
	struct buf	 got;
	size_t		 want;
	weft_waitgroup	 end;
};

static void
read_raw(struct raw *r, weft_conn *c)
{
	ssize_t n = 1;

	while (n > 0 && r->got.len < r->want) {
		buf_grow(&r->got, 65536);
		n = weft_read(NULL, c, r->got.data + r->got.len, 65536);
		if (n > 0)
			r->got.len += n;
	}
}

/* The first connection is reset without a look at what came; the second is read. */
static void
reset_and_read(struct raw *r)
{
	struct linger now = { .l_onoff = 1 };
	weft_conn *c = accept_one(r->l);
	char byte;

	CHECK_EQ(weft_read(NULL, c, &byte, 1), 1);
	setsockopt(weft_conn_fd(c), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	weft_conn_close(c);
	c = accept_one(r->l);
	read_raw(r, c);
	weft_conn_close(c);
}

TEST(ForwardAfterAResetSendsAgain)
{
	struct raw r = { 0 };
	struct series k;
	struct sink *s;

	REQUIRE(weft_listen(NULL, "tcp://127.0.0.1:0", &r.l) == 0);
	series_make(&k, 0, 20000, 200);	/* more than socket buffers hold */
	r.want = k.data.len;
	weft_waitgroup_go(&r.end, reset_and_read, &r);
	s = forward(&(struct weft_syslog_options){ .address = weft_listener_addr(r.l) });
	deliver(s, &k.p);
	sync_all(s);
	sink_close(s);
	weft_waitgroup_wait(&r.end);
	/* what was acknowledged before the reset is gone: the kernel had it, nobody read it */
	CHECK(r.got.len > 0 && r.got.len <= k.data.len);
	CHECK(memcmp(r.got.data + r.got.len - 1000, k.data.data + k.data.len - 1000, 1000) == 0);
	weft_listener_close(r.l);
	series_finish(&k);
	buf_finish(&r.got);
}

TEST(ForwardToASlowPeerGoesOnWhereItStood)
{
	struct raw r = { 0 };
	struct rejects rejects = { 0 };
	struct series k;
	struct sink *s;
	uint32_t done = 0;
	weft_conn *c;

	REQUIRE(weft_listen(NULL, "tcp://127.0.0.1:0", &r.l) == 0);
	series_make(&k, 0, 100000, 200);
	r.want = k.data.len;
	s = forward(&(struct weft_syslog_options){ .address = weft_listener_addr(r.l),
	    .timeout = 20 * WEFT_MS });
	for (int i = 0; i < 3; i++)
		CHECK_EQ(s->kind->write(NULL, s, &k.p, &done, &rejects), -ETIMEDOUT);
	CHECK(strstr(buf_str(&s->why), "slow"));
	CHECK(done > 0 && done < 100000);
	CHECK_EQ(s->kind->sync(s), -ETIMEDOUT);
	c = accept_one(r.l);
	weft_waitgroup_go(&r.end, read_raw, &r, c);
	while (s->kind->write(NULL, s, &k.p, &done, &rejects))
		;
	CHECK_EQ(done, 100000);
	sync_all(s);
	weft_waitgroup_wait(&r.end);
	CHECK_EQ(r.got.len, k.data.len);
	CHECK(memcmp(r.got.data, k.data.data, r.got.len) == 0);
	sink_close(s);
	weft_conn_close(c);
	weft_listener_close(r.l);
	series_finish(&k);
	buf_finish(&r.got);
}

TEST(ForwardToNobodyFailsAndSaysWhere)
{
	weft_listener *l;
	struct rejects r = { 0 };
	struct series k;
	struct sink *s;
	uint32_t done = 0;

	REQUIRE(weft_listen(NULL, "tcp://127.0.0.1:0", &l) == 0);
	s = forward(&(struct weft_syslog_options){ .address = weft_listener_addr(l) });
	weft_listener_close(l);
	series_make(&k, 0, 3, 10);
	CHECK_EQ(s->kind->write(NULL, s, &k.p, &done, &r), -ECONNREFUSED);
	CHECK_EQ(done, 0);
	CHECK(strstr(buf_str(&s->why), "tcp://127.0.0.1:"));
	CHECK(strstr(buf_str(&s->why), "cannot connect: Connection refused"));
	CHECK_EQ(s->kind->sync(s), 0);	/* there is nothing to be made safe */
	CHECK_EQ(s->kind->tick(s), 0);
	series_finish(&k);
	sink_close(s);
}

TEST(ForwardOverUdp)
{
	struct listening l = { 0 };
	struct rejects r = { 0 };
	struct series k, big;
	struct sink *s;
	uint32_t done = 0;

	listening_begin(&l, "udp://127.0.0.1:0");
	s = forward(&(struct weft_syslog_options){ .address = l.address });
	deliver_series(s, 0, 200, 300);
	series_make(&k, 200, 201, 60000);
	deliver(s, &k.p);
	series_make(&big, 201, 202, 70000);
	CHECK_EQ(s->kind->write(NULL, s, &big.p, &done, &r), 0);
	CHECK_EQ(done, 1);
	REQUIRE(r.n == 1);
	CHECK_EQ(r.record[0], 0);
	CHECK_STR(r.why[0], "70000 bytes are too long for a datagram");
	intake_wait_lines(&l.t, 201);
	sink_close(s);
	listening_stop(&l);
	check_once(&l.t, 201);
	intake_finish(&l.t);
	rejects_finish(&r);
	series_finish(&k);
	series_finish(&big);
}

TEST(ForwardOverUdpToNobody)
{
	struct listening l = { 0 };
	struct rejects r = { 0 };
	struct series k;
	struct sink *s;
	uint32_t done = 0;
	char address[WEFT_ADDR_MAX];

	listening_begin(&l, "udp://127.0.0.1:0");
	snprintf(address, sizeof(address), "%s", l.address);
	listening_end(&l);
	s = forward(&(struct weft_syslog_options){ .address = address });
	series_make(&k, 0, 10, 10);
	CHECK_EQ(s->kind->write(NULL, s, &k.p, &done, &r), -ECONNREFUSED);
	CHECK_EQ(done, 0);
	l = (struct listening){ 0 };
	listening_begin(&l, address);
	while (s->kind->write(NULL, s, &k.p, &done, &r))
		;
	intake_wait_lines(&l.t, 10);
	sink_close(s);
	listening_end(&l);
	series_finish(&k);
}

TEST(ForwardChecksItsOptions)
{
	static const struct { const char *address, *why; } bad[] = {
		{ "localhost:514", "must be udp://" }, { "tcp://localhost", "a host and a port" },
		{ "udp://:514", "a host and a port" }, { "unix:", "must be" },
	};
	struct buf err = { 0 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.len = 0;
		CHECK(!sink_syslog(&(struct weft_syslog_options){ .address = bad[i].address },
		    &err));
		CHECK(strstr(buf_str(&err), bad[i].why));
	}
	err.len = 0;
	CHECK(!sink_syslog(&(struct weft_syslog_options){ .address = "tls://h:6514",
	    .ca = "/nowhere" }, &err));
	CHECK(strstr(buf_str(&err), "/nowhere"));
	buf_finish(&err);
}
