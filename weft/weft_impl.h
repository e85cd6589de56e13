/* weft_impl.h - the machinery behind weft.h's macros; include weft.h instead */
#ifndef WEFT_WEFT_IMPL_H
#define WEFT_WEFT_IMPL_H

#if defined(__STDC_VERSION__) && __STDC_VERSION__ > 201710L
#error "weft.h: compile with -std=gnu11 or -std=gnu17: in C23 void() means void(void)"
#endif

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
typedef void weft_entry_();		/* any function weft_go accepts */
#pragma GCC diagnostic pop
struct weft_site { const char *func, *file; int line; };

struct weft_chan *weft_chan_new_(size_t elem, size_t cap, const struct weft_site *);
void	weft_chan_free_(struct weft_chan *c);
void	weft_chan_send_(struct weft_chan *c, const void *v);
bool	weft_chan_recv_(struct weft_chan *c, void *v);
void	weft_chan_close_(struct weft_chan *c);
size_t	weft_chan_len_(struct weft_chan *c);
size_t	weft_chan_cap_(struct weft_chan *c);
int	weft_select_(struct weft_case *cases, size_t n, bool wait);
struct weft_chan *weft_done_(weft_ctx *ctx);
void	weft_spawn_(weft_entry_ *f, const intptr_t words[6],
	    const struct weft_site *site, size_t stack);
extern void *const weft_go_takes_only_integers_and_pointers;

/* The thread's errno, found anew at every use. */
int	*weft_errno_(void);
#undef errno
#define errno (*weft_errno_())

/* A wrong element type is an error, whatever the caller's warning flags. */
#define WEFT_PRAGMA_(x)	_Pragma(#x)
#define WEFT_STRICT_	WEFT_PRAGMA_(GCC diagnostic push) \
			WEFT_PRAGMA_(GCC diagnostic error "-Wint-conversion") \
			WEFT_PRAGMA_(GCC diagnostic error "-Wincompatible-pointer-types")
#define WEFT_QUIET_	WEFT_PRAGMA_(GCC diagnostic push) \
			WEFT_PRAGMA_(GCC diagnostic ignored "-Wint-conversion")
#define WEFT_END_	WEFT_PRAGMA_(GCC diagnostic pop)

#define WEFT_ELEM_(c)	__typeof__((c)((struct weft_chan *)0))
#define WEFT_RAW_(c)	(__extension__(struct weft_chan *) \
			(1 ? (c) : (WEFT_ELEM_(c) (*)(struct weft_chan *))0))
#define WEFT_MAKE_(T, n) __extension__ ({				\
	static const struct weft_site weft_made_ = { #T, __FILE__, __LINE__ }; \
	(weft_chan(T))weft_chan_new_(sizeof(T), n, &weft_made_);	\
})

#define WEFT_SEND_(c, v) __extension__ ({				\
	__auto_type weft_c_ = (c);					\
	WEFT_STRICT_ WEFT_ELEM_(weft_c_) weft_v_ = v; WEFT_END_		\
	weft_chan_send_((struct weft_chan *)weft_c_, &weft_v_);		\
})
#define WEFT_RECV_(c, p) __extension__ ({				\
	__auto_type weft_c_ = (c);					\
	WEFT_STRICT_ WEFT_ELEM_(weft_c_) *weft_p_ = (p); WEFT_END_	\
	weft_chan_recv_((struct weft_chan *)weft_c_, weft_p_);		\
})

#define WEFT_SELECT_(wait, ...)						\
	weft_select_((struct weft_case[]){ __VA_ARGS__ },		\
	    sizeof((struct weft_case[]){ __VA_ARGS__ }) /		\
	    sizeof(struct weft_case), wait)
/* Every member is named: compilers clear a whole array for one that is left out. */
#define WEFT_CASE_(c, p, k, d, o) ((struct weft_case){			\
	.chan = (c), .ptr = (p), .ok = (k), .ns = (d), .op = (o) })
struct weft_on_recv_ { char none_; bool *ok; };
#define WEFT_ON_RECV_(c, p, ...) WEFT_CASE_(WEFT_RAW_(c), __extension__ ({ \
	    WEFT_STRICT_ WEFT_ELEM_(c) *weft_p_ = (p); WEFT_END_ weft_p_; }), \
	((struct weft_on_recv_){ .none_ = 0, __VA_ARGS__ }).ok, 0, 0)
#define WEFT_ON_SEND_(c, v) WEFT_CASE_(WEFT_RAW_(c), ((WEFT_ELEM_(c)[1]){ v }), NULL, 0, 's')

/*
 * weft_go: three checks at compile time, then six words.
 * 1. No parameter is narrower than int and f returns void: only such functions
 *    are compatible with void().
 * 2. f(args...) is a well-typed call.
 * 3. No parameter is a double or a struct: those reject a pointer outright.
 * What is left travels in one integer register each.
 */
#define WEFT_GO_(stack, f, ...) __extension__ ({			\
	_Static_assert(__builtin_types_compatible_p(__typeof__(*(f)), weft_entry_), \
	    "weft_go: the function must return void and take only int, long or pointers"); \
	WEFT_STRICT_ if (0) (f)(__VA_ARGS__); WEFT_END_			\
	WEFT_QUIET_ if (0) (f)(WEFT_MAP_(WEFT_PROBE_, ##__VA_ARGS__)); WEFT_END_ \
	static const struct weft_site weft_site_ = { #f, __FILE__, __LINE__ }; \
	weft_spawn_((weft_entry_ *)(f), (const intptr_t[6]){		\
	    WEFT_MAP_(WEFT_WORD_, ##__VA_ARGS__) }, &weft_site_, stack); \
})
#define WEFT_WORD_(x)	(intptr_t)(x)
#define WEFT_PROBE_(x)	weft_go_takes_only_integers_and_pointers
#define WEFT_MAP_(m, ...) WEFT_NTH_(_, ##__VA_ARGS__, WEFT_6_, WEFT_5_, WEFT_4_, \
	WEFT_3_, WEFT_2_, WEFT_1_, WEFT_0_)(m, ##__VA_ARGS__)
#define WEFT_NTH_(a, b, c, d, e, f, g, h, ...) h
#define WEFT_0_(m)
#define WEFT_1_(m, a)			m(a)
#define WEFT_2_(m, a, b)		m(a), m(b)
#define WEFT_3_(m, a, b, c)		m(a), m(b), m(c)
#define WEFT_4_(m, a, b, c, d)		m(a), m(b), m(c), m(d)
#define WEFT_5_(m, a, b, c, d, e)	m(a), m(b), m(c), m(d), m(e)
#define WEFT_6_(m, a, b, c, d, e, f)	m(a), m(b), m(c), m(d), m(e), m(f)

#endif
