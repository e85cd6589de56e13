/*
 * config_fuzz_test.c - broken configurations: no crash, and every refusal has its place
 *
 * Each of corpus/config is cut, spliced and bitten by a seed; WEFT_FUZZ_SECONDS says how
 * long (default: one), WEFT_FUZZ_SEED where to begin.  What failed is printed with its seed.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rand.h"
#include "config.h"
#include "weft/testing.h"
#include "weft/time.h"

#define SEEDS 16
#define LONGEST 8192

struct corpus { struct buf file[SEEDS]; int n; };

static int
is_file(const struct dirent *e)
{
	return *e->d_name != '.';
}

/* In the order of their names, so that a seed means the same everywhere. */
static void
load(struct corpus *c)
{
	char dir[512] = __FILE__, path[1024];
	char *slash = strrchr(dir, '/');
	struct dirent **names;
	int n;

	snprintf(slash ? slash + 1 : dir, 100, "corpus/config");
	n = scandir(dir, &names, is_file, alphasort);
	if (n < 0)
		weft_skip("the corpus is not here: run it from the root of the tree");
	for (int i = 0; i < n; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		free(names[i]);
		f = c->n < SEEDS ? fopen(path, "r") : NULL;
		if (!f)
			continue;
		buf_grow(&c->file[c->n], LONGEST);
		c->file[c->n].len = fread(c->file[c->n].data, 1, LONGEST, f);
		c->n++;
		fclose(f);
	}
	free(names);
	REQUIRE(c->n > 0);
}

static const char *const tokens[] = {
	"{", "}", "[", "]", ": ", ", ", "\n", "\n  ", "- ", "'", "\"", "|", ">", "&a ", "*a", "!t ",
	"? ", "#", "~", "---\n", "\t", "${", "${HOME}", "$$", "%", "\\", "null", "\"\\0\"",
	"99999999999999999999",
	"1e9", "-1", "0", "\xff", "\xe2\x82", "sources: ", "where: ", "level", "dead",
};

/* One change: a byte, a token, a part left out, doubled, or from another file. */
static void
change(struct buf *b, const struct corpus *c, struct rand *r)
{
	size_t at = b->len ? rand_below(r, b->len) : 0, n;
	const struct buf *other = &c->file[rand_below(r, c->n)];
	const char *token;

	n = 1 + rand_below(r, rand_below(r, 4) ? 8 : 200);
	switch (rand_below(r, 5)) {
	case 0:
		if (b->len)
			b->data[at] ^= 1 << rand_below(r, 8);
		break;
	case 1:
		n = at + n > b->len ? b->len - at : n;
		memmove(b->data + at, b->data + at + n, b->len - at - n);
		b->len -= n;
		break;
	case 2:
		token = tokens[rand_below(r, sizeof(tokens) / sizeof(tokens[0]))];
		buf_grow(b, strlen(token));
		memmove(b->data + at + strlen(token), b->data + at, b->len - at);
		memcpy(b->data + at, token, strlen(token));
		b->len += strlen(token);
		break;
	case 3:
		if (b->len < LONGEST && other->len) {
			size_t from = rand_below(r, other->len);

			b->len = at;
			buf_add(b, other->data + from, other->len - from);
		}
		break;
	case 4:
		n = at + n > b->len ? b->len - at : n;
		buf_grow(b, n);			/* the source must not move */
		buf_add(b, b->data + at, n);
		break;
	}
}

/* "f:12:3: text", or for the whole file "f: text". */
static bool
has_place(const char *line)
{
	int row = 0, col = 0, used = 0;

	if (sscanf(line, "f:%d:%d: %n", &row, &col, &used) == 2 && used)
		return row > 0 && col > 0 && line[used];
	return strncmp(line, "f: and ", 7) == 0;
}

/* Now and then made into a pipeline, too, which has more to say. */
static bool
try(const struct buf *b, uint64_t seed)
{
	struct config *c = config_parse("f", b->data, b->len);
	struct buf err = { 0 };
	weft_pipeline *p = NULL;
	bool bad = seed % 8 ? config_errors(c, &err) : config_build(c, &p, &err) != 0;
	const char *line = buf_str(&err), *next;

	bool good = CHECK_EQ(bad, *line != '\0');

	weft_pipeline_free(p);
	for (; *line; line = next + 1) {
		next = strchr(line, '\n');
		if (!CHECK(next && has_place(line))) {
			weft_logf("seed %llu: %s\n%.*s", (unsigned long long)seed, line,
			    (int)b->len, b->data);
			good = false;
			break;
		}
	}
	buf_finish(&err);
	config_free(c);
	return good;
}

TEST(ConfigFuzz)
{
	const char *seconds = getenv("WEFT_FUZZ_SECONDS"), *first = getenv("WEFT_FUZZ_SEED");
	int64_t end = weft_now() + (seconds ? atof(seconds) : weft_short() ? 0.2 : 1) * WEFT_SECOND;
	uint64_t seed = first ? strtoull(first, NULL, 10) : 1, begin = seed;
	struct corpus c = { .n = 0 };
	struct buf b = { 0 };

	load(&c);
	do {
		struct rand r;

		rand_seed(&r, seed);
		b.len = 0;
		const struct buf *from = &c.file[rand_below(&r, c.n)];
		buf_add(&b, from->data, from->len);
		for (int i = rand_below(&r, 6); i >= 0; i--)
			change(&b, &c, &r);
	} while (try(&b, seed++) && weft_now() < end);
	weft_logf("%llu configurations", (unsigned long long)(seed - begin));
	buf_finish(&b);
	for (int i = 0; i < c.n; i++)
		buf_finish(&c.file[i]);
}
