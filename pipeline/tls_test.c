/* tls_test.c - two ends in memory: who trusts whom, and bytes that arrive */
#include "tls.h"

#include "tls_test.h"
#include "weft/sync.h"

struct ends {
	struct tls_setup *setup[2];	/* client, server */
	struct tls	*tls[2];
	int		 shaken[2];
	struct buf	 why[2];
};

/* What one has to say the other gets. */
static bool
carry(struct ends *e, int from)
{
	struct buf *out = tls_out(e->tls[from]);
	bool some = out->len;

	tls_put(e->tls[!from], out->data, out->len);
	out->len = 0;
	return some;
}

static void
shake(struct ends *e)
{
	bool moved = true;
	char c;

	e->shaken[0] = e->shaken[1] = -EAGAIN;
	while (moved) {
		moved = false;
		for (int i = 0; i < 2; i++) {
			if (e->shaken[i] == -EAGAIN)
				e->shaken[i] = tls_handshake(e->tls[i], &e->why[i]);
			else if (!e->shaken[i])
				tls_open(e->tls[i], &c, 1, &e->why[i]);
			moved |= carry(e, i);
		}
	}
}

static void
ends_open(struct ends *e, struct tls_options client, struct tls_options server,
    const char *host)
{
	server.server = true;
	*e = (struct ends){ 0 };
	REQUIRE(tls_setup_new(&client, &e->setup[0], &e->why[0]) == 0);
	REQUIRE(tls_setup_new(&server, &e->setup[1], &e->why[1]) == 0);
	e->tls[0] = tls_new(e->setup[0], host);
	e->tls[1] = tls_new(e->setup[1], NULL);
}

static void
ends_close(struct ends *e)
{
	for (int i = 0; i < 2; i++) {
		tls_free(e->tls[i]);
		tls_setup_free(e->setup[i]);
		buf_finish(&e->why[i]);
	}
}

struct big { void (*f)(const struct certs *); const struct certs *c; weft_waitgroup end; };

static void
run_big(struct big *b)
{
	b->f(b->c);
	weft_waitgroup_done(&b->end);
}

/* OpenSSL wants its stack. */
static void
on_big_stack(void (*f)(const struct certs *))
{
	struct certs c;
	struct big b = { .f = f, .c = &c };

	certs_make(&c);
	weft_waitgroup_add(&b.end, 1);
	weft_go_stack(TLS_STACK, run_big, &b);
	weft_waitgroup_wait(&b.end);
}

static void
bytes_arrive(const struct certs *c)
{
	struct ends e;
	char *data = calloc(1, 100000), *got = malloc(100000);
	size_t n = 0;

	ends_open(&e, (struct tls_options){ .ca = c->ca },
	    (struct tls_options){ .cert = c->cert, .key = c->key }, "localhost");
	shake(&e);
	CHECK_EQ(e.shaken[0], 0);
	CHECK_EQ(e.shaken[1], 0);
	CHECK(tls_is_13(e.tls[0]));
	for (int i = 0; i < 100000; i++)
		data[i] = i * 7 % 251;
	CHECK_EQ(tls_seal(e.tls[0], data, 100000, &e.why[0]), 0);
	carry(&e, 0);
	for (ssize_t k; (k = tls_open(e.tls[1], got + n, 100000 - n, &e.why[1])) > 0; )
		n += k;
	CHECK_EQ(n, 100000);
	CHECK(memcmp(data, got, n) == 0);
	tls_bye(e.tls[0]);
	carry(&e, 0);
	CHECK_EQ(tls_open(e.tls[1], got, 1, &e.why[1]), 0);
	ends_close(&e);
	free(data);
	free(got);
}

TEST(TlsBytesArrive)
{
	on_big_stack(bytes_arrive);
}

struct tls_case {
	struct tls_options client, server;
	const char *host, *why;		/* why NULL: it works */
	int	 who;			/* whose handshake fails; 0 the client's */
};

static void
check_case(const struct tls_case *k)
{
	struct ends e;

	ends_open(&e, k->client, k->server, k->host);
	shake(&e);
	if (!k->why) {
		CHECK_EQ(e.shaken[0], 0);
		CHECK_EQ(e.shaken[1], 0);
	} else {
		CHECK_EQ(e.shaken[k->who], -EPROTO);
		CHECK(strstr(buf_str(&e.why[k->who]), k->why));
		if (!strstr(buf_str(&e.why[k->who]), k->why))
			weft_logf("%s, not: %s", buf_str(&e.why[k->who]), k->why);
	}
	ends_close(&e);
}

static void
trust_cases(const struct certs *c)
{
	const struct tls_options good = { .cert = c->cert, .key = c->key };
	const struct tls_options self = { .cert = c->self, .key = c->self_key };
	const struct tls_options strict = { .cert = c->cert, .key = c->key, .ca = c->ca };
	const struct tls_case cases[] = {
		{ { .ca = c->ca }, good, "localhost", NULL, 0 },
		{ { .ca = c->ca }, good, "127.0.0.1", NULL, 0 },
		{ { .ca = c->ca }, good, "elsewhere.example", "hostname mismatch", 0 },
		{ { .ca = c->ca }, good, "127.0.0.2", "IP address mismatch", 0 },
		{ { .ca = c->ca }, self, "localhost", "self-signed", 0 },
		{ { .insecure = true }, self, "localhost", NULL, 0 },
		{ { .ca = c->self }, self, "localhost", NULL, 0 },
		{ { 0 }, good, "localhost", "certificate", 0 },
		{ { .ca = c->ca }, strict, "localhost", "peer did not return a certificate", 1 },
		{ { .ca = c->ca, .cert = c->client, .key = c->client_key }, strict, "localhost",
		    NULL, 0 },
		{ { .ca = c->ca, .cert = c->other }, strict, "localhost", NULL, 0 },
		{ { .ca = c->ca, .cert = c->self, .key = c->self_key }, strict, "localhost",
		    "client's certificate is not good", 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_case(&cases[i]);
}

TEST(TlsTrustsWhoItShould)
{
	on_big_stack(trust_cases);
}

static void
check_refused(struct tls_options o, const char *why)
{
	struct tls_setup *s = NULL;
	struct buf err = { 0 };

	CHECK(tls_setup_new(&o, &s, &err) < 0);
	CHECK(strstr(buf_str(&err), why));
	if (!strstr(buf_str(&err), why))
		weft_logf("%s, not: %s", buf_str(&err), why);
	buf_finish(&err);
}

TEST(TlsSaysWhatIsWrongWithAFile)
{
	struct certs c;

	certs_make(&c);
	check_refused((struct tls_options){ .server = true }, "needs a certificate");
	check_refused((struct tls_options){ .server = true, .cert = "/nowhere.pem" },
	    "certificate /nowhere.pem: No such file");
	check_refused((struct tls_options){ .server = true, .cert = c.key, .key = c.key },
	    "not usable");
	check_refused((struct tls_options){ .server = true, .cert = c.cert, .key = c.self_key },
	    "key");
	check_refused((struct tls_options){ .ca = "/nowhere" }, "ca /nowhere: No such file");
}

static void
garbage(const struct certs *c)
{
	struct ends e;

	ends_open(&e, (struct tls_options){ .ca = c->ca },
	    (struct tls_options){ .cert = c->cert, .key = c->key }, "localhost");
	tls_put(e.tls[1], "<34>plain syslog, no handshake\n", 31);
	CHECK_EQ(tls_handshake(e.tls[1], &e.why[1]), -EPROTO);
	weft_logf("%s", buf_str(&e.why[1]));
	ends_close(&e);
}

TEST(TlsRefusesPlainText)
{
	on_big_stack(garbage);
}
