/*
 * http_client.h - one POST after the other to one server, over connections that stay
 */
#ifndef WEFT_PIPELINE_HTTP_CLIENT_H
#define WEFT_PIPELINE_HTTP_CLIENT_H

#include "base/buf.h"
#include "pipeline.h"

struct http_client;

struct http_answer {
	int		 status;	/* 200, 404 ... */
	int64_t		 after;		/* Retry-After, ns; 0: none */
	struct buf	 body;		/* at most ANSWER_MAX bytes of it */
};
#define ANSWER_MAX (16 << 20)

/* NULL: err gets a sentence.  type: Content-Type. */
struct http_client *http_client_new(const struct weft_http_options *o, const char *url,
	    const char *type, struct buf *err);
void	http_client_free(struct http_client *c);	/* NULL: nothing */
/*
 * 0: there is an answer, whatever it is.  Else a negative errno, and why has a sentence.  Ends
 * early, with -ECANCELED or -ETIMEDOUT, when ctx does.  Needs a stack of 256 KiB.
 */
int	http_post(weft_ctx *ctx, struct http_client *c, const void *body, size_t len,
	    struct http_answer *a, struct buf *why);
/* The URL without name, password and query, for messages. */
const char *http_client_url(const struct http_client *c);

#endif
