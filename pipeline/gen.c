/* gen.c - generated logs: the same options give the same bytes */
#include "gen.h"

#include "base/rand.h"
#include "parse.h"
#include "stage.h"

#define FLUSH (256 << 10)

static uint32_t crc_table[256];

__attribute__((constructor)) static void
fill_crc_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
		crc_table[i] = c;
	}
}

uint32_t
gen_checksum(const char *p, size_t len)
{
	uint32_t c = 0xffffffff;

	for (size_t i = 0; i < len; i++)
		c = crc_table[(c ^ (unsigned char)p[i]) & 0xff] ^ c >> 8;
	return ~c;
}

/* splitmix64's last step: neighbours come out unrelated. */
static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t
line_seed(uint64_t seed, uint32_t source, uint64_t seq)
{
	return mix(mix(seed + UINT64_C(0x9e3779b97f4a7c15) * (source + 1)) + seq);
}

int
gen_level(uint64_t seed, uint32_t source, uint64_t seq)
{
	unsigned n = line_seed(seed, source, seq) % 100;

	if (n < 5)
		return WEFT_LEVEL_TRACE;
	if (n < 35)
		return WEFT_LEVEL_DEBUG;
	if (n < 85)
		return WEFT_LEVEL_INFO;
	if (n < 95)
		return WEFT_LEVEL_WARN;
	return n < 99 ? WEFT_LEVEL_ERROR : WEFT_LEVEL_FATAL;
}

struct gen {
	const struct weft_gen_options *opt;
	struct buf	 out;
	struct rand	 rand;		/* this line's */
	uint64_t	 seq;
	int		 level;
	size_t		 fill;		/* bytes that bring it to its length */
};

static const char *const services[] = {
	"checkout", "search", "login", "mail", "billing", "gateway", "images", "stock"
};
static const char *const upper[] = { "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL" };

static const char *
pick(struct gen *g, const char *const *from, uint32_t n)
{
	return from[rand_below(&g->rand, n)];
}
#define PICK(g, from) pick(g, from, sizeof(from) / sizeof((from)[0]))

static void
digits(struct buf *out, uint64_t n, int width)
{
	char text[20];

	for (int i = width; i-- > 0; n /= 10)
		text[i] = '0' + n % 10;
	buf_add(out, text, width);
}

static void
number(struct gen *g, const char *before, uint32_t below)
{
	buf_adds(&g->out, before);
	render_number(&g->out, rand_below(&g->rand, below));
}

/* Words to the length that is asked for; they take nothing from the line's own choices. */
static void
filler(struct gen *g)
{
	static const char words[] =
	    ", the replica was asked first and said that nothing had changed since it was"
	    " last asked, so the cached answer went out with its age in a header";

	for (size_t left = g->fill, n; left > 0; left -= n) {
		n = sizeof(words) - 1 < left ? sizeof(words) - 1 : left;
		buf_add(&g->out, words, n);
	}
}

static void
text(struct gen *g)
{
	static const char *const done[] = {
		"opened", "saved", "deleted", "rejected", "retried", "answered", "queued"
	};
	static const char *const more[] = {
		"", " after a retry", " (cache miss, asked the replica)", " within the limit",
		" as part of a batch that was started by the scheduler an hour ago",
	};

	number(g, "user ", 100000);
	buf_addc(&g->out, ' ');
	buf_adds(&g->out, PICK(g, done));
	number(g, " /item/", 1000000);
	number(g, " from 10.", 256);
	number(g, ".", 256);
	number(g, ".", 256);
	number(g, " in ", 500);
	buf_adds(&g->out, " ms");
	if (g->opt->pad)
		filler(g);
	else
		buf_adds(&g->out, PICK(g, more));
}

static void
marked_text(struct gen *g)
{
	static const char hex[] = "0123456789abcdef";
	size_t from;
	uint32_t sum;

	buf_adds(&g->out, "<<");
	from = g->out.len;
	render_number(&g->out, g->opt->seed);
	buf_addc(&g->out, '.');
	render_number(&g->out, g->opt->source);
	buf_addc(&g->out, '.');
	render_number(&g->out, g->seq);
	buf_addc(&g->out, '/');
	render_number(&g->out, g->opt->lines);
	buf_addc(&g->out, ' ');
	text(g);
	buf_addc(&g->out, ' ');
	sum = gen_checksum(g->out.data + from, g->out.len - from);
	for (int shift = 28; shift >= 0; shift -= 4)
		buf_addc(&g->out, hex[sum >> shift & 15]);
	buf_adds(&g->out, ">>");
}

static void
add_clock(struct gen *g, uint64_t s)
{
	digits(&g->out, s / 3600 % 24, 2);
	buf_addc(&g->out, ':');
	digits(&g->out, s / 60 % 60, 2);
	buf_addc(&g->out, ':');
	digits(&g->out, s % 60, 2);
}

/* A line every 37 ms, from the first of January on; after a month, again. */
static void
add_time(struct gen *g, char separator)
{
	uint64_t ms = g->seq * 37, s = ms / 1000;

	buf_adds(&g->out, "2024-01-");
	digits(&g->out, s / 86400 % 31 + 1, 2);
	buf_addc(&g->out, separator);
	add_clock(g, s);
	buf_addc(&g->out, '.');
	digits(&g->out, ms % 1000, 3);
}

static void
json(struct gen *g)
{
	buf_adds(&g->out, "{\"time\":\"");
	add_time(g, 'T');
	buf_adds(&g->out, "Z\",\"level\":\"");
	buf_adds(&g->out, weft_level_name(g->level));
	buf_adds(&g->out, "\",\"service\":\"");
	buf_adds(&g->out, PICK(g, services));
	number(g, "\",\"request\":", 1u << 30);
	buf_adds(&g->out, ",\"msg\":\"");
	marked_text(g);
	number(g, "\",\"bytes\":", 65536);
	buf_adds(&g->out, ",\"ok\":true}");
}

static void
syslog(struct gen *g)
{
	uint64_t s = g->seq * 37 / 1000, day = s / 86400 % 31 + 1;

	buf_adds(&g->out, day < 10 ? "Jan  " : "Jan ");
	render_number(&g->out, day);
	buf_addc(&g->out, ' ');
	add_clock(g, s);
	number(g, " web", 20);
	buf_addc(&g->out, ' ');
	buf_adds(&g->out, PICK(g, services));
	number(g, "[", 32768);
	buf_adds(&g->out, "]: ");
	buf_adds(&g->out, upper[g->level]);
	buf_addc(&g->out, ' ');
	marked_text(g);
}

static void
plain(struct gen *g)
{
	add_time(g, ' ');
	buf_addc(&g->out, ' ');
	buf_adds(&g->out, upper[g->level]);
	buf_adds(&g->out, " [");
	buf_adds(&g->out, PICK(g, services));
	buf_adds(&g->out, "] ");
	marked_text(g);
}

/* The combined format; what a status has for a level, this line has too. */
static void
access_log(struct gen *g)
{
	static const char *const status[] = { "200", "200", "204", "404", "500", "503" };
	static const char *const agents[] = { "Mozilla/5.0 (X11; Linux x86_64)", "curl/8.5.0" };
	uint64_t s = g->seq * 37 / 1000;

	number(g, "10.", 256);
	number(g, ".", 256);
	number(g, ".", 256);
	number(g, " - user", 100000);
	buf_adds(&g->out, " [");
	digits(&g->out, s / 86400 % 31 + 1, 2);
	buf_adds(&g->out, "/Jan/2024:");
	add_clock(g, s);
	buf_adds(&g->out, " +0000] \"GET /");
	buf_adds(&g->out, PICK(g, services));
	number(g, "/", 1000000);
	buf_adds(&g->out, " HTTP/1.1\" ");
	buf_adds(&g->out, status[g->level]);
	number(g, " ", 65536);
	buf_adds(&g->out, " \"https://shop.example/\" \"");
	buf_adds(&g->out, PICK(g, agents));
	buf_addc(&g->out, ' ');
	marked_text(g);
	buf_addc(&g->out, '"');
}

static void
logfmt(struct gen *g)
{
	buf_adds(&g->out, "time=");
	add_time(g, 'T');
	buf_adds(&g->out, "Z level=");
	buf_adds(&g->out, weft_level_name(g->level));
	buf_adds(&g->out, " service=");
	buf_adds(&g->out, PICK(g, services));
	number(g, " request=", 1u << 30);
	buf_adds(&g->out, " msg=\"");
	marked_text(g);
	number(g, "\" bytes=", 65536);
	buf_adds(&g->out, " ok=true");
}

static void
cri_head(struct gen *g, const char *tag)
{
	add_time(g, 'T');
	buf_adds(&g->out, g->level >= WEFT_LEVEL_ERROR ? "000000Z stderr " : "000000Z stdout ");
	buf_adds(&g->out, tag);
}

/* One in eight comes in two parts, of which the last has the mark. */
static void
cri(struct gen *g)
{
	bool parts = rand_below(&g->rand, 8) == 0;

	cri_head(g, parts ? "P " : "F ");
	buf_adds(&g->out, upper[g->level]);
	buf_adds(&g->out, " [");
	buf_adds(&g->out, PICK(g, services));
	buf_adds(&g->out, "] ");
	if (parts) {
		buf_adds(&g->out, "what follows did not fit: \n");
		cri_head(g, "F ");
	}
	marked_text(g);
}

/* Errors come with the calls that led to them, which have no mark of their own. */
static void
stack(struct gen *g)
{
	plain(g);
	if (g->level < WEFT_LEVEL_ERROR)
		return;
	buf_adds(&g->out, "\njava.lang.IllegalStateException: no answer");
	for (int i = 2 + rand_below(&g->rand, 6); i > 0; i--) {
		buf_adds(&g->out, "\n\tat com.example.");
		buf_adds(&g->out, PICK(g, services));
		number(g, ".Handler.run(Handler.java:", 1000);
		buf_addc(&g->out, ')');
	}
	number(g, "\nCaused by: java.io.IOException: connection ", 1000);
	number(g, " was reset\n\t... ", 30);
	buf_adds(&g->out, " more");
}

static void
syslog5424(struct gen *g)
{
	static const char *const severity[] = { "<15>1 ", "<15>1 ", "<14>1 ", "<12>1 ", "<11>1 ",
	    "<10>1 " };

	buf_adds(&g->out, severity[g->level]);
	add_time(g, 'T');
	number(g, "Z web", 20);
	buf_addc(&g->out, ' ');
	buf_adds(&g->out, PICK(g, services));
	number(g, " ", 32768);
	number(g, " - [request@32473 id=\"", 1u << 30);
	buf_adds(&g->out, "\"] ");
	marked_text(g);
}

static void
write_line(struct gen *g)
{
	static void (*const formats[])(struct gen *) = { [WEFT_GEN_JSON] = json,
	    [WEFT_GEN_SYSLOG] = syslog, [WEFT_GEN_PLAIN] = plain, [WEFT_GEN_ACCESS] = access_log,
	    [WEFT_GEN_LOGFMT] = logfmt, [WEFT_GEN_CRI] = cri, [WEFT_GEN_STACK] = stack,
	    [WEFT_GEN_SYSLOG5424] = syslog5424 };
	const struct weft_gen_options *o = g->opt;
	int format = o->format;

	rand_seed(&g->rand, line_seed(o->seed, o->source, g->seq));
	g->level = gen_level(o->seed, o->source, g->seq);
	if (format == WEFT_GEN_MIX)
		format = rand_below(&g->rand, 3);
	formats[format](g);
	buf_addc(&g->out, '\n');
}

/* Written once to see how much is missing, and again with it. */
static void
add_line(struct gen *g)
{
	size_t from = g->out.len, len;

	g->fill = 0;
	write_line(g);
	len = g->out.len - from;
	if (len < g->opt->pad) {
		g->out.len = from;
		g->fill = g->opt->pad - len;
		write_line(g);
	}
}

int
weft_gen(const struct weft_gen_options *opt, int fd)
{
	struct gen g = { .opt = opt };
	size_t done;
	int err = 0;

	for (g.seq = 1; g.seq <= opt->lines && !err; g.seq++) {
		add_line(&g);
		if (g.out.len >= FLUSH || g.seq == opt->lines) {
			err = fdio_write(fd, g.out.data, g.out.len, &done);
			g.out.len = 0;
		}
	}
	buf_finish(&g.out);
	return err;
}
