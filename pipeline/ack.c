/*
 * ack.c - what an output has settled: marks, accounts, and the checkpoint that saves them
 *
 * An output's mark in a stream moves over a batch once all of its lines are delivered, dropped,
 * or known not to be for this output, and the lines are counted in the same moment.  The checkpoint
 * writes marks, counts and the sink's own state in one transaction.  So at any kill the three
 * fit together, and the ledger of the state balances.
 *
 * read is counted line by line; expected is what the line numbers say.  If a batch ever got
 * lost on the way, the two would differ.
 */
#include <stdlib.h>

#include "stage.h"
#include "weft/time.h"

static void
add_up(struct account *a, const struct account *b, int sign)
{
	for (int i = 0; i < ACCOUNT_COLUMNS; i++)
		((uint64_t *)a)[i] += sign * ((const uint64_t *)b)[i];
}

/*
 * A line that overlaps the next one has no bytes of its own (split_lines), and belongs to what
 * follows the place where both its ends are.
 */
static bool
within(uint64_t from, uint64_t to, uint64_t begin, uint64_t end)
{
	return begin >= from && (end < to || (end == to && begin < end));
}

/* Before the mark, or in a hole: in an earlier run, or a part of its batch. */
static bool
is_settled(const struct standing *at, uint64_t begin, uint64_t end)
{
	if (within(0, at->mark.at.offset, begin, end))
		return true;
	for (uint32_t i = 0; i < at->nholes; i++)
		if (within(at->holes[i].from, at->holes[i].to.offset, begin, end))
			return true;
	return false;
}

/* Can some of b's lines be settled?  A restart reads on where the slowest output stood. */
static bool
is_mixed(const struct standing *at, const struct batch *b)
{
	uint64_t end = at->mark.at.offset;

	for (uint32_t i = 0; i < at->nholes; i++)
		if (at->holes[i].to.offset > end)
			end = at->holes[i].to.offset;
	return b->from < end;
}

static void
add_line(struct account *a, const struct line *l, bool kept)
{
	a->read++;
	switch ((enum fate)l->fate) {
	case KEPT:
		*(kept ? &a->delivered : &a->filtered) += 1;
		return;
	case FILTERED:
		a->filtered++;
		return;
	case SAMPLED:
		a->sampled++;
		return;
	case LIMITED:
		a->limited++;
		return;
	case REPEATED:
		a->repeated++;
		return;
	case DEAD: case FATES:
		a->dead++;
	}
}

/* Of the first n lines those that are not settled. */
static void
account_partly(struct output *o, struct batch *b, const struct standing *at, size_t n,
    struct account *a)
{
	const struct rendered *r = &b->rendered[o->rendering];
	uint32_t begin = 0;

	for (size_t i = 0; i < n; begin = b->lines[i++].end) {
		if (is_settled(at, b->from + begin, b->from + b->lines[i].end))
			continue;
		a->bytes += b->lines[i].end - begin;
		if (o != o->p->plan.dead)
			add_line(a, &b->lines[i], rendered_keeps(r, i));
		else if (rendered_keeps(r, i))
			a->read++, a->delivered++;
	}
}

/* What b comes to for o, if all that it wants of it is delivered. */
void
ack_account(struct output *o, struct batch *b, struct account *a)
{
	const struct rendered *r = &b->rendered[o->rendering];
	struct standing *at;

	weft_mutex_lock(&o->lock);
	at = stream_standing(b->stream, o);
	*a = (struct account){ 0 };
	if (is_mixed(at, b)) {
		account_partly(o, b, at, b->nlines, a);
	} else if (o == o->p->plan.dead) {
		*a = (struct account){ .read = r->n, .delivered = r->n };
	} else {
		*a = (struct account){
			.read = b->nlines, .delivered = r->n, .dead = b->fates[DEAD],
			.filtered = b->fates[FILTERED] + b->fates[KEPT] - r->n,
			.sampled = b->fates[SAMPLED], .limited = b->fates[LIMITED],
			.repeated = b->fates[REPEATED], .bytes = b->to - b->from,
		};
	}
	a->expected = a->read;
	weft_mutex_unlock(&o->lock);
}

/* Copies those records that are not settled: they need not be side by side. */
static void
pick_out(const struct standing *at, const struct batch *b, const struct rendered *r,
    struct share *s)
{
	uint32_t begin = 0, record = 0;

	for (size_t i = 0; i < b->nlines; begin = b->lines[i++].end) {
		size_t from = record ? r->ends[record - 1] : 0;

		if (!rendered_keeps(r, i))
			continue;
		if (!is_settled(at, b->from + begin, b->from + b->lines[i].end)) {
			buf_add(&s->picked, r->data.data + from, r->ends[record] - from);
			buf_add(&s->ends_picked, &(uint32_t){ s->picked.len }, sizeof(uint32_t));
			buf_add(&s->numbers, &record, sizeof(record));
		}
		record++;
	}
	s->n = s->numbers.len / sizeof(uint32_t);
	s->data = s->picked.data;
	s->len = s->picked.len;
	s->ends = (uint32_t *)s->ends_picked.data;
}

void
ack_share(struct output *o, struct batch *b, struct share *s)
{
	const struct rendered *r = &b->rendered[o->rendering];
	struct standing *at;

	*s = (struct share){ .data = r->data.data, .len = r->data.len, .n = r->n, .ends = r->ends };
	weft_mutex_lock(&o->lock);
	at = stream_standing(b->stream, o);
	if (is_mixed(at, b))
		pick_out(at, b, r, s);
	weft_mutex_unlock(&o->lock);
}

void
share_finish(struct share *s)
{
	buf_finish(&s->picked);
	buf_finish(&s->ends_picked);
	buf_finish(&s->numbers);
}

void
ack_count(struct output *o, int source, const struct account *a)
{
	add_up(&o->total[source], a, 1);
	add_up(&o->unsaved[source], a, 1);
	o->changes++;
}

void
ack_make_dirty(struct output *o, struct stream *st, struct standing *at)
{
	at->changes++;
	o->changes++;
	if (at->dirty)
		return;
	if (o->ndirty == o->dirty_room) {
		o->dirty_room = o->dirty_room ? 2 * o->dirty_room : 16;
		o->dirty = xrealloc(o->dirty, o->dirty_room * sizeof(*o->dirty));
	}
	o->dirty[o->ndirty++] = st;
	at->dirty = true;
}

static void
add_early(struct standing *at, const struct span *s)
{
	uint32_t i = at->nearly++;

	at->early = xrealloc(at->early, at->nearly * sizeof(*s));
	for (; i > 0 && at->early[i - 1].from > s->from; i--)
		at->early[i] = at->early[i - 1];
	at->early[i] = *s;
}

/* The spans that an earlier run has settled beyond the mark; they are holes in what is new. */
void
ack_take_up(struct standing *at, struct span *beyond, uint32_t n)
{
	at->resume = at->saved = at->mark.at.offset;
	at->holes = xcalloc(n + 1, sizeof(*at->holes));
	at->holes[0] = at->mark.ahead;
	for (uint32_t i = 0; i < n; i++) {
		at->holes[i + 1] = beyond[i];
		add_early(at, &beyond[i]);
	}
	at->nholes = n + 1;
	at->spilled = beyond;
	at->nspilled = n;
}

/*
 * A span in the disk queue that b does not continue is one among others from now on.  The state has
 * to know of it until the mark that is saved is beyond it, wherever the mark in memory is.
 */
void
ack_displace(struct standing *at, const struct batch *b)
{
	struct mark *m = &at->mark;

	if (m->ahead.to.offset == b->from)
		return;
	if (m->ahead.to.offset > at->saved) {
		at->spilled = xrealloc(at->spilled, (at->nspilled + 1) * sizeof(*at->spilled));
		at->spilled[at->nspilled++] = m->ahead;
	}
	if (m->ahead.to.offset > m->at.offset)
		add_early(at, &m->ahead);
	m->ahead = (struct span){ 0 };
}

/* The mark is saved: what it has passed need not be known any more. */
static void
forget_spilled(struct standing *at, uint64_t saved)
{
	uint32_t left = 0;

	at->saved = saved;
	for (uint32_t i = 0; i < at->nspilled; i++)
		if (at->spilled[i].to.offset > saved)
			at->spilled[left++] = at->spilled[i];
	at->nspilled = left;
}

/* Over the spans that begin where the mark stands. */
static void
absorb(struct standing *at)
{
	struct mark *m = &at->mark;
	uint32_t n = 0;

	if (m->ahead.to.offset > m->at.offset && m->ahead.from <= m->at.offset)
		m->at = m->ahead.to;
	for (; n < at->nearly && at->early[n].from <= m->at.offset; n++)
		if (at->early[n].to.offset > m->at.offset)
			m->at = at->early[n].to;
	at->nearly -= n;
	if (!n)
		return;
	memmove(at->early, at->early + n, at->nearly * sizeof(*at->early));
	absorb(at);			/* one may lead to what is in the disk queue */
}

/*
 * lock held: the lines of s are settled, and came to a.  If the numbers of lines do not go on where
 * the last ones ended, expected shows it; a batch that never came keeps the mark where it is, and
 * its lines in flight.
 */
static void
settle(struct output *o, struct stream *st, const struct span *s, struct account *a)
{
	struct standing *at = stream_standing(st, o);
	struct mark *m = &at->mark;

	if (s->from > m->at.offset) {
		add_early(at, s);
	} else if (s->to.offset >= m->at.offset) {
		if (s->from == m->at.offset && m->at.offset > at->resume && o != o->p->plan.dead)
			a->expected += s->first - 1 - m->at.lines;
		m->at = s->to;
		absorb(at);
	}
	ack_count(o, st->index, a);
	ack_make_dirty(o, st, at);
}

struct span
ack_span(const struct batch *b)
{
	return (struct span){
		.from = b->from, .first = b->first,
		.to = {
			.offset = b->to, .lines = b->first + b->nlines - 1,
			.tail_len = b->tail_len, .tail_hash = b->tail_hash,
		},
	};
}

/* Records that were rejected are not delivered: they are dead letters. */
void
ack_batch(struct output *o, struct batch *b, const struct rejects *r)
{
	struct span s = ack_span(b);
	struct account a;

	ack_account(o, b, &a);
	a.delivered -= r->n;
	a.dead += r->n;
	weft_mutex_lock(&o->lock);
	settle(o, b->stream, &s, &a);
	weft_mutex_unlock(&o->lock);
}

/* Record last of b and those before it are delivered: its lines up to that one are settled. */
void
ack_partial(struct output *o, struct batch *b, uint32_t last)
{
	const struct rendered *r = &b->rendered[o->rendering];
	struct span s = ack_span(b);
	struct account a = { 0 };
	struct standing *at;
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < b->nlines && n <= last; i++)
		n += rendered_keeps(r, i);
	s.to = (struct place){ .offset = b->from + b->lines[i - 1].end, .lines = b->first + i - 1 };
	weft_mutex_lock(&o->lock);
	at = stream_standing(b->stream, o);
	if (s.to.offset > b->from && s.to.offset > at->mark.at.offset) {
		account_partly(o, b, at, i, &a);
		a.expected = a.read;
		settle(o, b->stream, &s, &a);
	}
	weft_mutex_unlock(&o->lock);
}

void
ack_gap(struct output *o, const struct gap *g)
{
	struct account a = g->account;

	weft_mutex_lock(&o->lock);
	settle(o, g->stream, &g->span, &a);
	weft_mutex_unlock(&o->lock);
}

bool
ack_account_only(struct output *o, const char *source, const struct account *a)
{
	for (int i = 0; i < o->naccounts; i++)
		if (strcmp(o->p->source_names[i], source) == 0) {
			ack_count(o, i, a);
			return true;
		}
	return false;
}

void
ack_spilled(struct output *o, struct batch *b, const struct account *a)
{
	struct standing *at = stream_standing(b->stream, o);

	add_up(&o->total[b->source->index], a, 1);
	absorb(at);
	ack_make_dirty(o, b->stream, at);
}

/* What a checkpoint saves, taken under the lock and let go of when it is saved. */
struct saving {
	struct output	*output;
	uint64_t	 changes;
	struct stream	**streams;
	uint64_t	*stream_changes;
	struct mark	*marks;
	struct span	**early;
	uint32_t	*nearly;
	size_t		 n;
	struct account	*accounts;
	int		 naccounts;
	int64_t		 sent;
	struct buf	 sink;
};

static void
take(struct output *o, struct saving *v)
{
	weft_mutex_lock(&o->lock);
	v->output = o;
	v->changes = o->changes;
	v->n = o->ndirty;
	v->streams = xcalloc(v->n + 1, sizeof(*v->streams));
	v->stream_changes = xcalloc(v->n + 1, sizeof(*v->stream_changes));
	v->marks = xcalloc(v->n + 1, sizeof(*v->marks));
	v->early = xcalloc(v->n + 1, sizeof(*v->early));
	v->nearly = xcalloc(v->n + 1, sizeof(*v->nearly));
	for (size_t i = 0; i < v->n; i++) {
		struct standing *at = stream_standing(o->dirty[i], o);

		v->streams[i] = o->dirty[i];
		v->stream_changes[i] = at->changes;
		v->marks[i] = at->mark;
		v->nearly[i] = at->nearly;
		v->early[i] = xmalloc((at->nearly + 1) * sizeof(struct span));
		if (at->nearly)
			memcpy(v->early[i], at->early, at->nearly * sizeof(struct span));
	}
	v->naccounts = o->naccounts;
	v->accounts = xcalloc(v->naccounts + 1, sizeof(*v->accounts));
	if (v->naccounts)
		memcpy(v->accounts, o->unsaved, v->naccounts * sizeof(*v->accounts));
	v->sent = o->spill_sent;
	weft_mutex_unlock(&o->lock);
	if (o->opened && o->sink->kind->save)
		o->sink->kind->save(o->sink, &v->sink);
}

static void
put(const struct saving *v)
{
	static const struct account zero;
	struct output *o = v->output;
	struct state *s = o->p->state;

	for (size_t i = 0; i < v->n; i++)
		if (v->streams[i]->row)
			state_mark_put(s, o->name, v->streams[i]->row, &v->marks[i].at,
			    v->early[i], v->nearly[i]);
	for (int i = 0; i < v->naccounts; i++)
		if (memcmp(&v->accounts[i], &zero, sizeof(zero)) != 0)
			state_account_add(s, o->p->source_names[i], o->name, &v->accounts[i]);
	state_spill_drop(s, o->name, v->sent);
	if (o->opened && o->sink->kind->save)
		state_output_put(s, o->name, v->sink.data, v->sink.len);
}

/* What has changed in the meantime stays to be saved. */
static void
saved(const struct saving *v)
{
	struct output *o = v->output;
	size_t left = 0;

	weft_mutex_lock(&o->lock);
	for (int i = 0; i < v->naccounts; i++)
		add_up(&o->unsaved[i], &v->accounts[i], -1);
	for (size_t i = 0; i < o->ndirty; i++) {
		struct standing *at = stream_standing(o->dirty[i], o);

		if (i < v->n)
			forget_spilled(at, v->marks[i].at.offset);
		at->dirty = i >= v->n || at->changes != v->stream_changes[i];
		if (at->dirty)
			o->dirty[left++] = o->dirty[i];
	}
	o->ndirty = left;
	o->saved = v->changes;
	weft_mutex_unlock(&o->lock);
	atomic_store(&o->letters, false);
}

static void
saving_finish(struct saving *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->early[i]);
	free(v->streams);
	free(v->stream_changes);
	free(v->marks);
	free(v->early);
	free(v->nearly);
	free(v->accounts);
	buf_finish(&v->sink);
}

/* Those that go into one transaction. */
struct together {
	struct saving	 of[MAX_OUTPUTS];
	int		 n;
};

/* o, and with the dead letters all who have written some. */
static void
take_all(struct output *o, struct output *dead, struct together *t)
{
	struct plan *plan = &o->p->plan;

	take(o, &t->of[t->n++]);
	if (!dead)
		return;
	weft_mutex_lock(&o->p->lock);	/* those who have written some cannot go meanwhile */
	for (int i = 0; i < plan->noutputs; i++) {
		struct output *other = plan->outputs[i];

		if (other != o && (other == dead || atomic_load(&other->letters)))
			take(other, &t->of[t->n++]);
	}
	weft_mutex_unlock(&o->p->lock);
}

static int
save(struct output *o, struct output *dead)
{
	struct together *t = xcalloc(1, sizeof(*t));
	struct state *state = o->p->state;
	int err = 0;

	take_all(o, dead, t);
	if (state) {
		state_begin(state);
		for (int i = 0; i < t->n; i++)
			put(&t->of[i]);
		err = state_commit(state);
	}
	for (int i = 0; i < t->n; i++) {
		if (!err)
			saved(&t->of[i]);
		saving_finish(&t->of[i]);
	}
	free(t);
	return err;
}

static int
sync_sink(struct output *o)
{
	return o->opened && o->sink->kind->sync ? o->sink->kind->sync(o->sink) : 0;
}

/*
 * Dead letters and the places of those who wrote them are in the same transaction, whoever has it
 * made: else a kill could leave letters cut off whose lines are not sent again, or letters
 * whose lines are, and are rejected again.  A letter is written and its batch settled with the
 * dead letters' busy held, so who holds that finds both or none.  Sinks that reject have no state
 * and nothing to sync.
 */
int
ack_checkpoint(struct output *o, bool sync)
{
	struct output *dead = o->p->plan.dead;
	int err = 0;

	if (dead != o && !atomic_load(&o->letters))
		dead = NULL;
	if (dead && dead != o)
		weft_mutex_lock(&dead->busy);
	if (sync)
		err = sync_sink(o);
	if (!err && sync && dead && dead != o)
		err = sync_sink(dead);
	if (!err)
		err = save(o, dead);
	if (dead && dead != o)
		weft_mutex_unlock(&dead->busy);
	return err;
}

bool
ack_unsaved(struct output *o)
{
	bool is;

	weft_mutex_lock(&o->lock);
	is = o->changes != o->saved;
	weft_mutex_unlock(&o->lock);
	return is;
}
