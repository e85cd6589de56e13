/*
 * ratelimit_redis.h - a rate limiter that many processes share, by way of a Redis server
 *
 *	weft_ratelimit *l = weft_ratelimit_redis_new((struct weft_ratelimit_redis){
 *	    .addr = "tcp://127.0.0.1:6379", .key = "limit:mail",
 *	    .rate = 1000, .per = WEFT_SECOND, .burst = 100 });
 *
 * is used as ratelimit.h says; link with libweft-redis and hiredis (pkg-config weft-redis).
 * The server keeps one value for each key, the time at which the next permit is due, and
 * changes it in a script by its own clock, in microseconds (GCRA).  All who use a key must
 * agree on rate, per and burst; set_limit and set_burst are for this process only.
 *
 * Who waits leases permits ahead, so many as come in 10 ms and as it has been using, and
 * takes them one by one at their times.  In any time t at most rate * t + burst permits are
 * due; a process uses one up to 100 ms late, and then lets it go.  A process that dies
 * loses at most one lease.  The longest wait of an idle process is for the others' leases.
 *
 * Without a limit nobody is asked; a rate of 0 is -ERANGE from the first.  A call that has to
 * ask (also allow) waits for the answer, timeout at most, whatever its context says.
 * Without an answer it fails, unless open says that then everybody may pass: -ECONNREFUSED,
 * -ENOENT and so on from weft_dial, -ECONNRESET, -EHOSTDOWN: no answer in time, -EACCES: the
 * password, -EPROTO: the server does not understand, or the key is in use for something
 * else, and is left as it is.  100 ms later it is tried again.
 */
#ifndef PATTERNS_RATELIMIT_REDIS_H
#define PATTERNS_RATELIMIT_REDIS_H

#include "ratelimit.h"

struct weft_ratelimit_redis {
	const char	*addr;		/* as for weft_dial, "unix:/run/redis.sock"; copied    */
	const char	*password;	/* NULL: none; copied                                  */
	const char	*key;		/* copied; NULL: "weft:ratelimit"                      */
	int64_t		 rate, per;	/* rate permits in per ns                              */
	int		 burst;
	int		 lease;		/* permits at most; 0: those of 10 ms; 1: none ahead   */
	bool		 open;		/* without a server: true: all may pass; false: none   */
	int64_t		 timeout;	/* ns; 0: 100 ms                                       */
};

/* Connects when it is first asked.  The rest is as for weft_ratelimit_new. */
weft_ratelimit *weft_ratelimit_redis_new(struct weft_ratelimit_redis o);

/* Why the last question had no answer, in words, or "" if it had one; never open or closed. */
void	weft_ratelimit_redis_error(weft_ratelimit *l, char *text, size_t size);

#endif
