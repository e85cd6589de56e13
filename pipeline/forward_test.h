/* forward_test.h - series of records to forward, and what became of them, for tests */
#ifndef WEFT_PIPELINE_FORWARD_TEST_H
#define WEFT_PIPELINE_FORWARD_TEST_H

#include "listening_test.h"
#include "sink.h"

/* Records from..to - 1 of a series: "<13>1 - - record 7 xxx". */
struct series {
	struct buf	 data, ends;
	struct parcel	 p;
};

static inline void
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

static inline void
series_finish(struct series *s)
{
	buf_finish(&s->data);
	buf_finish(&s->ends);
}

static inline struct sink *
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
static inline void
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

static inline void
deliver_series(struct sink *s, int from, int to, size_t len)
{
	struct series k;

	series_make(&k, from, to, len);
	deliver(s, &k.p);
	series_finish(&k);
}

static inline void
sync_all(struct sink *s)
{
	while (s->kind->sync(s))
		weft_sleep(WEFT_MS);
}

/* Marks in seen what the streams of t have; counts what is torn. */
static inline int
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

static inline void
check_once(struct test_intake *t, int n)
{
	int *seen = calloc(n, sizeof(*seen)), bad = 0;

	CHECK_EQ(look(t, seen, n), 0);
	for (int i = 0; i < n; i++)
		bad += seen[i] != 1;
	CHECK_EQ(bad, 0);
	free(seen);
}

#endif
