/* sink_restart_test.c - forwarding while the server comes and goes, and over TLS */
#include "forward_test.h"
#include "tls_test.h"

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
