/* listening_test.h - a syslog source on some addresses, for tests */
#ifndef WEFT_PIPELINE_LISTENING_TEST_H
#define WEFT_PIPELINE_LISTENING_TEST_H

#include "intake_test.h"
#include "listeners.h"

struct listening {
	struct test_intake t;
	struct weft_source_options o;
	struct syslog_sockets *s;
	weft_ctx	*ctx;
	weft_waitgroup	 end;
	char		 address[WEFT_ADDR_MAX];	/* of the first */
};

static inline void
listening_run(struct listening *l)
{
	source_syslog_run(l->ctx, &l->t.in, l->s, &l->o);
}

/* Options, but for the addresses, are to be set before. */
static inline void
listening_open(struct listening *l, const char *addresses)
{
	struct buf err = { 0 };

	test_intake_init(&l->t);
	l->o.listen = addresses;
	if (source_syslog_listen(&l->o, &l->s, &err))
		weft_logf("%s", buf_str(&err));
	REQUIRE(l->s);
	buf_finish(&err);
	source_syslog_address(l->s, 0, l->address);
	l->ctx = weft_with_cancel(NULL);
}

static inline void
listening_begin(struct listening *l, const char *addresses)
{
	listening_open(l, addresses);
	weft_waitgroup_go(&l->end, listening_run, l);
}

/* Stops it; what it got can still be looked at. */
static inline void
listening_stop(struct listening *l)
{
	weft_cancel(l->ctx);
	weft_waitgroup_wait(&l->end);
	source_syslog_close(l->s);
	weft_ctx_free(l->ctx);
}

static inline void
listening_end(struct listening *l)
{
	listening_stop(l);
	intake_finish(&l->t);
}

#endif
