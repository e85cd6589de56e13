/*
 * testfuzz.h - inputs made from a corpus by small random changes
 *
 * WEFT_FUZZ_SECONDS is how long each test goes on (default 0.5, with -short 0.2), and
 * WEFT_FUZZ_SEED where it begins (default 1; a seed of the time's if seconds are given).  The
 * seed is printed then; the same seed makes the same inputs in the same order.
 */
#ifndef WEFT_PIPELINE_TESTFUZZ_H
#define WEFT_PIPELINE_TESTFUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/rand.h"
#include "testlines.h"

#define FUZZ_MAX 4096			/* bytes of an input */

struct fuzz {
	struct rand	 rand;
	uint64_t	 seed, rounds;
	struct buf	 corpus;	/* all of its lines */
	struct buf	 input;		/* the current one */
	struct timespec	 end;
};

static inline void
fuzz_load(struct buf *out, const char *name)
{
	char path[256];
	char room[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%.*s/corpus/%s", (int)(strrchr(__FILE__, '/') - __FILE__),
	    __FILE__, name);
	f = fopen(path, "r");
	if (!f)
		weft_logf("%s: not there; run the tests in the root of the tree", path);
	REQUIRE(f != NULL);
	while ((n = fread(room, 1, sizeof(room), f)) > 0)
		buf_add(out, room, n);
	fclose(f);
}

static inline void
fuzz_init(struct fuzz *f, const char *const *names)
{
	const char *seconds = getenv("WEFT_FUZZ_SECONDS"), *seed = getenv("WEFT_FUZZ_SEED");
	double s = seconds ? atof(seconds) : weft_short() ? 0.2 : 0.5;

	memset(f, 0, sizeof(*f));
	f->seed = seed ? strtoull(seed, NULL, 10) : seconds ? rand_entropy() >> 32 : 1;
	if (seconds && !seed)
		fprintf(stderr, "fuzz: WEFT_FUZZ_SEED=%llu\n", (unsigned long long)f->seed);
	rand_seed(&f->rand, f->seed);
	for (; *names; names++)
		fuzz_load(&f->corpus, *names);
	clock_gettime(CLOCK_MONOTONIC, &f->end);
	f->end.tv_sec += (time_t)s;
	f->end.tv_nsec += (s - (time_t)s) * 1e9;
}

static inline void
fuzz_finish(struct fuzz *f)
{
	weft_logf("%llu inputs", (unsigned long long)f->rounds);
	buf_finish(&f->corpus);
	buf_finish(&f->input);
}

/* A piece of the corpus: a line, or some. */
static inline struct buf
fuzz_piece(struct fuzz *f, bool lines)
{
	size_t at = rand_below(&f->rand, f->corpus.len), end;
	char *p = f->corpus.data;

	while (at > 0 && p[at - 1] != '\n')
		at--;
	end = at + (lines ? rand_below(&f->rand, 1500) : 0);
	while (end < f->corpus.len && p[end] != '\n')
		end++;
	if (end > f->corpus.len)
		end = f->corpus.len;
	return (struct buf){ .data = p + at, .len = end - at };
}

static inline void
fuzz_replace(struct buf *b, size_t at, size_t gone, const char *p, size_t n)
{
	struct buf copy = { 0 };

	buf_add(&copy, b->data, at);
	buf_add(&copy, p, n);
	buf_add(&copy, b->data + at + gone, b->len - at - gone);
	if (copy.len > FUZZ_MAX)
		copy.len = FUZZ_MAX;
	buf_finish(b);
	*b = copy;
}

static inline void
fuzz_change(struct fuzz *f)
{
	static const char *const tokens[] = { "\"", "\\", "{", "}", "[", "]", ":", ",", "=", " ",
	    "\t", "\r\n", "\\u", "\\ud800", "\\n", "0", "-", "1e999", "true", "null", "<34>",
	    "F", "P", "\377", "\300\200", "\355\240\200", "\342\202\254", "\1", "\177", "- ",
	    "level=", "\n",
	    "\"msg\":", "[99/", "\n ", "\n\n", "T", "Z", "99999999999999999999", "123456789" };
	struct buf *b = &f->input, other;
	size_t at = b->len ? rand_below(&f->rand, b->len + 1) : 0, left = b->len - at, n;
	const char *t;
	char c;

	n = left ? rand_below(&f->rand, left < 40 ? left + 1 : 40) : 0;
	switch (rand_below(&f->rand, 7)) {
	case 0:			/* a bit */
		if (left)
			b->data[at] ^= 1 << rand_below(&f->rand, 8);
		break;
	case 1:			/* any byte, NUL too */
		c = rand_below(&f->rand, 256);
		fuzz_replace(b, at, left > 0, &c, 1);
		break;
	case 2: case 3:
		t = tokens[rand_below(&f->rand, sizeof(tokens) / sizeof(tokens[0]))];
		fuzz_replace(b, at, rand_below(&f->rand, 2) && left ? 1 : 0, t, strlen(t));
		break;
	case 4:			/* less */
		fuzz_replace(b, at, n, "", 0);
		break;
	case 5:			/* twice */
		other = (struct buf){ 0 };
		buf_add(&other, b->data + at, n);
		fuzz_replace(b, at, 0, other.data, n);
		buf_finish(&other);
		break;
	case 6:			/* another one's end */
		other = fuzz_piece(f, false);
		n = other.len ? rand_below(&f->rand, other.len) : 0;
		fuzz_replace(b, at, left, other.data + n, other.len - n);
		break;
	}
}

/* The next input; false: time is up. */
static inline bool
fuzz_next(struct fuzz *f, bool lines)
{
	struct timespec now;
	struct buf piece;

	if (f->rounds++ % 64 == 0) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (f->rounds > 1 && (now.tv_sec > f->end.tv_sec ||
		    (now.tv_sec == f->end.tv_sec && now.tv_nsec >= f->end.tv_nsec)))
			return false;
	}
	piece = fuzz_piece(f, lines);
	f->input.len = 0;
	buf_add(&f->input, piece.data, piece.len);
	for (uint32_t n = rand_below(&f->rand, 6); n > 0; n--)
		fuzz_change(f);
	buf_grow(&f->input, 1);		/* never NULL */
	return true;
}

/* A C string of the input, for who has to find out. */
static inline void
fuzz_report(struct fuzz *f, const char *what)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < f->input.len; i++) {
		unsigned char c = f->input.data[i];

		if (c < ' ' || c > '~')
			buf_printf(&text, "\\%03o", c);
		else
			buf_printf(&text, c == '"' || c == '\\' ? "\\%c" : "%c", c);
	}
	weft_logf("%s: seed %llu, input %llu: \"%s\"", what, (unsigned long long)f->seed,
	    (unsigned long long)f->rounds, buf_str(&text));
	buf_finish(&text);
}

#endif
