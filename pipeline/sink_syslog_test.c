/* sink_syslog_test.c - what is forwarded arrives: slow peers, restarts, resets, all kinds of wire */
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "listening_test.h"
#include "sink.h"
#include "tls_test.h"

/* Records from..to - 1 of a series: "<13>1 - - record 7 xxx". */
struct series {
	struct buf	 data, ends;
	struct parcel	 p;
};

static void
series_make(struct series *s, int from, int to, size_t len)
{
	*s = (struct series){ 0 };
	for (int i = from; i < to; i++) {
		size_t at = s->data.len;

		buf_printf(&s->data, "<13>1 - - record %d ", i);
		while (s->data.len - at < len)
			buf_addc(&s->data, 'x');
		buf_addc(&s->data, '\n');
		buf_add(&s->ends, &(uint32_t){ s->data.len }, sizeof(uint32_t));
	}
	s->p = (struct parcel){ .data = s->data.data, .len = s->data.len,
	    .records = to - from, .ends = (uint32_t *)s->ends.data };
}

static void
series_finish(struct series *s)
{
	buf_finish(&s->data);
	buf_finish(&s->ends);
}

static struct sink *
forward(const struct weft_syslog_options *o)
{
	struct buf err = { 0 };
	struct sink *s = sink_syslog(o, &err);

	if (!s)
		weft_logf("%s", buf_str(&err));
	REQUIRE(s);
	CHECK_EQ(s->kind->open(NULL, s, NULL, 0, &err), 0);
	buf_finish(&err);
	return s;
}

/* As the output does, but for the pauses. */
static void
deliver(struct sink *s, const struct parcel *p)
{
	struct rejects r = { 0 };
	uint32_t done = 0, before = 0;

	while (s->kind->write(NULL, s, p, &done, &r)) {
		CHECK(done >= before && done <= p->records);
		before = done;
		weft_sleep(WEFT_MS);
	}
	CHECK_EQ(done, p->records);
	CHECK_EQ(r.n, 0);
	rejects_finish(&r);
}

static void
deliver_series(struct sink *s, int from, int to, size_t len)
{
	struct series k;

	series_make(&k, from, to, len);
	deliver(s, &k.p);
	series_finish(&k);
}

static void
sync_all(struct sink *s)
{
	while (s->kind->sync(s))
		weft_sleep(WEFT_MS);
}

/* Marks in seen what the streams of t have; counts what is torn. */
static int
look(struct test_intake *t, int *seen, int n)
{
	int torn = 0;

	for (struct stream *st = t->streams; st; st = st->next) {
		char *save = NULL;

		buf_addc(&st->text, '\0');
		for (char *l = strtok_r(st->text.data, "\n", &save); l;
		    l = strtok_r(NULL, "\n", &save)) {
			int i = -1;

			if (sscanf(l, "<13>1 - - record %d ", &i) == 1 && i >= 0 && i < n)
				seen[i]++;
			else
				torn++;
		}
	}
	return torn;
}

static void
check_once(struct test_intake *t, int n)
{
	int *seen = calloc(n, sizeof(*seen)), bad = 0;

	CHECK_EQ(look(t, seen, n), 0);
	for (int i = 0; i < n; i++)
		bad += seen[i] != 1;
	CHECK_EQ(bad, 0);
	free(seen);
}

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

struct restarts {
	char	 address[WEFT_ADDR_MAX];
	struct weft_source_options o;
	struct test_intake all;		/* what the servers got, one after the other */
	_Atomic int n;
	weft_waitgroup sending, end;
};

static void
take_over(struct restarts *r, struct test_intake *t)
{
	while (t->streams) {
		struct stream *st = t->streams;

		t->streams = st->next;
		st->next = r->all.streams;
		r->all.streams = st;
		r->all.opened++, r->all.closed++;
	}
	CHECK_EQ(t->lost, 0);
	t->opened = t->closed = 0;
	intake_finish(t);
}

/* Stops, as a reload does, while the other sends, and begins again; the last one stays. */
static void
run_restarts(struct restarts *r)
{
	for (int i = 0; i < 5; i++) {
		struct listening l = { .o = r->o };

		listening_begin(&l, r->address);
		r->n = i;
		if (i < 4)
			intake_wait_lines(&l.t, 500);
		else
			weft_waitgroup_wait(&r->sending);
		listening_stop(&l);
		take_over(r, &l.t);
	}
}

static void
send_through(struct restarts *r, struct weft_syslog_options *o)
{
	struct sink *s;
	int *seen, missing = 0, twice = 0, torn, n = 0;

	weft_waitgroup_add(&r->sending, 1);
	weft_waitgroup_go(&r->end, run_restarts, r);
	o->address = r->address;
	s = forward(o);
	for (; r->n < 4; n += 50)
		deliver_series(s, n, n + 50, 300);
	for (int i = 0; i < 20; i++, n += 50)
		deliver_series(s, n, n + 50, 300);
	sync_all(s);
	sink_close(s);
	weft_waitgroup_done(&r->sending);
	weft_waitgroup_wait(&r->end);
	seen = calloc(n, sizeof(*seen));
	torn = look(&r->all, seen, n);
	for (int i = 0; i < n; i++) {
		missing += !seen[i];
		twice += seen[i] > 1;
	}
	CHECK_EQ(missing, 0);
	CHECK_EQ(torn, 0);
	weft_logf("%d records, %d restarts, %d twice", n, r->n, twice);
	free(seen);
}

/* An address that is free: of a socket that was bound for a moment. */
static void
restarts_begin(struct restarts *r, const char *address)
{
	struct listening l = { .o = r->o };

	listening_begin(&l, address);
	if (strncmp(address, "tls", 3) == 0)
		snprintf(r->address, sizeof(r->address), "tls%.140s", l.address + 3);
	else
		snprintf(r->address, sizeof(r->address), "%s", l.address);
	listening_end(&l);
	test_intake_init(&r->all);
}

TEST(ForwardThroughRestartsLosesNothing)
{
	struct restarts r = { 0 };

	restarts_begin(&r, "tcp://127.0.0.1:0");
	send_through(&r, &(struct weft_syslog_options){ .octets = true });
	intake_finish(&r.all);
}

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

/* ---- TLS: on a stack as an output has it ---- */

struct big_stack {
	void	(*f)(const struct certs *);
	struct certs c;
	weft_waitgroup end;
};

static void
run_on_big_stack(struct big_stack *b)
{
	b->f(&b->c);
	weft_waitgroup_done(&b->end);
}

static void
with_certs(void (*f)(const struct certs *))
{
	struct big_stack b = { .f = f };

	certs_make(&b.c);
	weft_waitgroup_add(&b.end, 1);
	weft_go_stack(TLS_STACK, run_on_big_stack, &b);
	weft_waitgroup_wait(&b.end);
}

static void
tls_address(const struct listening *l, char *out)
{
	snprintf(out, WEFT_ADDR_MAX, "tls%.150s", l->address + 3);
}

static void
forward_sealed(const struct certs *c)
{
	struct listening l = { .o = { .cert = c->cert, .key = c->key, .ca = c->ca } };
	char address[WEFT_ADDR_MAX];
	struct sink *s;

	listening_begin(&l, "tls://127.0.0.1:0");
	tls_address(&l, address);
	s = forward(&(struct weft_syslog_options){ .address = address, .octets = true,
	    .ca = c->ca, .cert = c->client, .key = c->client_key });
	for (int i = 0; i < 40; i++)
		deliver_series(s, 100 * i, 100 * i + 100, i * 40);
	CHECK_EQ(s->kind->sync(s), 0);
	sink_close(s);
	intake_wait_lines(&l.t, 4000);
	listening_stop(&l);
	check_once(&l.t, 4000);
	intake_finish(&l.t);
}

TEST(ForwardOverTls)
{
	with_certs(forward_sealed);
}

static void
check_refusal(struct listening *l, struct weft_syslog_options o, const char *why)
{
	struct rejects r = { 0 };
	struct series k;
	struct sink *s;
	uint32_t done = 0;
	char address[WEFT_ADDR_MAX];

	tls_address(l, address);
	o.address = address;
	s = forward(&o);
	series_make(&k, 0, 3, 10);
	CHECK(s->kind->write(NULL, s, &k.p, &done, &r) < 0);
	CHECK_EQ(done, 0);
	CHECK(strstr(buf_str(&s->why), why));
	if (!strstr(buf_str(&s->why), why))
		weft_logf("%s, not: %s", buf_str(&s->why), why);
	series_finish(&k);
	sink_close(s);
}

static void
refusals(const struct certs *c)
{
	struct listening l = { .o = { .cert = c->self, .key = c->self_key } };

	listening_begin(&l, "tls://127.0.0.1:0");
	check_refusal(&l, (struct weft_syslog_options){ .ca = c->ca }, "self-signed");
	listening_end(&l);
	l = (struct listening){ .o = { .cert = c->cert, .key = c->key, .ca = c->ca } };
	listening_begin(&l, "tls://127.0.0.1:0");
	check_refusal(&l, (struct weft_syslog_options){ .ca = c->ca }, "TLS: ");
	CHECK_EQ(l.t.lines, 0);
	listening_end(&l);
}

TEST(ForwardOverTlsRefusesAndIsRefused)
{
	with_certs(refusals);
}

static void
sealed_restarts(const struct certs *c)
{
	struct restarts r = { .o = { .cert = c->cert, .key = c->key } };

	restarts_begin(&r, "tls://127.0.0.1:0");
	send_through(&r, &(struct weft_syslog_options){ .ca = c->ca, .octets = true });
	intake_finish(&r.all);
}

TEST(ForwardOverTlsThroughRestarts)
{
	with_certs(sealed_restarts);
}
