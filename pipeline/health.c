/*
 * health.c - is a pipeline well? see operate.h
 *
 * An output's progress is what it has settled, less what only went to disk.  As long as nothing
 * waits, it is well without any.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "operate.h"

const struct health_limits health_limits = {
	.failing = 10 * WEFT_SECOND, .stalled = 30 * WEFT_SECOND, .errors = 60 * WEFT_SECOND,
};

static struct progress *
progress_of(struct health *h, const char *output, int64_t now)
{
	for (int i = 0; i < h->n; i++)
		if (strcmp(h->at[i].output, output) == 0)
			return &h->at[i];
	h->at = xrealloc(h->at, (h->n + 1) * sizeof(*h->at));
	h->at[h->n] = (struct progress){ .output = xstrdup(output), .since = now };
	return &h->at[h->n++];
}

static void
add_up(const struct snapshot *s, const char *output, uint64_t *settled, uint64_t *waiting)
{
	*settled = *waiting = 0;
	for (int i = 0; i < s->count[SNAP_LEDGER]; i++) {
		const struct snap_row *r = &s->rows[SNAP_LEDGER][i];

		if (strcmp(r->text[1], output) != 0)
			continue;
		*settled += r->n[LEDGER_READ] - r->n[LEDGER_IN_FLIGHT] - r->n[LEDGER_SPILLED];
		*waiting += r->n[LEDGER_IN_FLIGHT] + r->n[LEDGER_SPILLED];
	}
}

void
health_watch(struct health *h, const struct snapshot *s, int64_t now)
{
	weft_mutex_lock(&h->lock);
	for (int i = 0; i < s->count[SNAP_OUTPUT]; i++) {
		const char *name = s->rows[SNAP_OUTPUT][i].text[0];
		struct progress *at = progress_of(h, name, now);
		uint64_t settled, waiting;

		add_up(s, name, &settled, &waiting);
		if (settled != at->settled || !waiting)
			at->since = now;
		at->settled = settled;
	}
	weft_mutex_unlock(&h->lock);
}

static void
failing_output(const struct health_limits *limits, const struct snap_row *r, struct buf *why)
{
	if (r->n[OUTPUT_FAILING] && r->n[OUTPUT_FAILING_FOR] >= (uint64_t)limits->failing)
		buf_printf(why, "output %s has been failing for %" PRIu64 " s: %s\n", r->text[0],
		    r->n[OUTPUT_FAILING_FOR] / WEFT_SECOND, r->text[1]);
}

static void
stalled_output(struct health *h, const struct health_limits *limits, const struct snapshot *s,
    const char *name, int64_t now, struct buf *why)
{
	int64_t for_ns = now - progress_of(h, name, now)->since;

	if (for_ns < limits->stalled)
		return;
	buf_printf(why, "no progress at output %s for %" PRId64 " s", name, for_ns / WEFT_SECOND);
	for (int i = 0; i < s->count[SNAP_OUTPUT]; i++) {
		const struct snap_row *r = &s->rows[SNAP_OUTPUT][i];

		if (r->n[OUTPUT_FAILING])
			buf_printf(why, ": output %s is failing: %s", r->text[0], r->text[1]);
	}
	buf_addc(why, '\n');
}

static void
failed_source(const struct health_limits *limits, const struct snap_row *r, int64_t now,
    struct buf *why)
{
	int64_t ago = now - (int64_t)r->n[SOURCE_FAILED];

	if (r->n[SOURCE_FAILED] && ago < limits->errors)
		buf_printf(why, "source %s had an error %" PRId64 " s ago (%" PRIu64 " in all)\n",
		    r->text[0], ago / WEFT_SECOND, r->n[SOURCE_ERRORS]);
}

bool
health_good(struct health *h, const struct health_limits *limits, const struct snapshot *s,
    int64_t now, struct buf *why)
{
	size_t before = why->len;

	health_watch(h, s, now);
	weft_mutex_lock(&h->lock);
	for (int i = 0; i < s->count[SNAP_OUTPUT]; i++) {
		failing_output(limits, &s->rows[SNAP_OUTPUT][i], why);
		stalled_output(h, limits, s, s->rows[SNAP_OUTPUT][i].text[0], now, why);
	}
	weft_mutex_unlock(&h->lock);
	for (int i = 0; i < s->count[SNAP_SOURCE]; i++)
		failed_source(limits, &s->rows[SNAP_SOURCE][i], now, why);
	for (int i = 0; i < s->count[SNAP_LEDGER]; i++)
		if (!s->rows[SNAP_LEDGER][i].n[LEDGER_BALANCED])
			buf_printf(why, "the ledger does not balance for source %s and output %s\n",
			    s->rows[SNAP_LEDGER][i].text[0], s->rows[SNAP_LEDGER][i].text[1]);
	return why->len == before;
}

void
health_finish(struct health *h)
{
	for (int i = 0; i < h->n; i++)
		free(h->at[i].output);
	free(h->at);
}
