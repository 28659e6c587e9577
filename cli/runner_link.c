// SPDX-License-Identifier: Apache-2.0
#include "runner_impl.h"
#include "store.h"

#include <stdio.h>
#include <string.h>

static void on_open(struct net_client *c, enum net_transport transport, void *user)
{
    (void)c;
    struct runner_link *l = user;
    struct runner *r = l->runner;
    l->open = l->was_open = true;
    l->transport = transport;
    sotto_device_link_up(r->device, l->index, clock_now());
    if (r->opt.on_link != NULL) {
        r->opt.on_link(l->index, true, transport, NET_CLOSED, "", r->opt.user);
    }
}

static void on_message(struct net_client *c, const uint8_t *msg, size_t len, void *user)
{
    (void)c;
    struct runner_link *l = user;
    runner_tick(l->runner);
    sotto_device_read_message(l->runner->device, l->index, msg, len, clock_now());
}

static void on_datagram(struct net_client *c, const uint8_t *data, size_t len, void *user)
{
    (void)c;
    struct runner_link *l = user;
    runner_tick(l->runner);
    sotto_device_read_datagram(l->runner->device, l->index, data, len, clock_now());
}

static bool may_move(struct net_client *c, void *user)
{
    (void)c;
    const struct runner_link *l = user;
    return sotto_device_link_may_move(l->runner->device, l->index);
}

static void remember(struct runner *r, enum net_reason reason, const char *detail)
{
    if (detail != NULL && detail[0] != '\0') {
        snprintf(r->link_error, sizeof(r->link_error), "%s (%s)", net_reason_text(reason), detail);
    } else {
        snprintf(r->link_error, sizeof(r->link_error), "%s", net_reason_text(reason));
    }
}

static void on_down(struct net_client *c, enum net_reason reason, const char *detail, bool again,
                    void *user)
{
    (void)c;
    struct runner_link *l = user;
    struct runner *r = l->runner;
    l->open = false;
    remember(r, reason, detail);
    // Somebody waits in front of a command, so it gives up at once; a line that rings does not.
    bool persist = again && ((l->home && !r->opt.hasty) || l->was_open);
    l->given_up = !persist;
    sotto_device_link_down(r->device, l->index, persist, clock_now());
    if (r->opt.on_link != NULL) {
        r->opt.on_link(l->index, false, l->transport, reason, detail != NULL ? detail : "",
                       r->opt.user);
    }
}

static bool is_home(const struct runner *r, const struct sotto_relay_address *relay)
{
    const struct store_profile *p = store_profile(r->store);
    return r->opt.ring && p->has_line && p->home.port == relay->port &&
           strcmp(p->home.host, relay->host) == 0;
}

void runner_link_want(struct runner *r, unsigned link, const struct sotto_relay_address *relay)
{
    static const struct net_client_ops ops = {
        .on_open = on_open,
        .on_message = on_message,
        .on_datagram = on_datagram,
        .may_move = may_move,
        .on_down = on_down,
    };
    struct runner_link *l = &r->links[link];
    runner_link_drop(r, link);
    *l = (struct runner_link){.runner = r, .index = link, .home = is_home(r, relay)};
    struct net_client_config cfg = {
        .host = relay->host,
        .port = relay->port,
        .pinned = relay->pinned,
        .ca_file = r->opt.ca_file,
        .force_websocket = r->opt.force_websocket,
        .reconnect = true,
    };
    memcpy(cfg.pin, relay->pin, sizeof(cfg.pin));
    int err = net_client_new(&l->client, &r->loop, &cfg, &ops, l);
    if (err != 0) {
        l->client = NULL;
        snprintf(r->link_error, sizeof(r->link_error), "%s", sotto_strerror(err));
        sotto_device_link_down(r->device, link, false, clock_now());
    }
}

// The newest link's round trip and group.
static void add_stats(struct net_stats *sum, const struct net_stats *s)
{
    net_stats_add(sum, s);
    sum->rtt_ns = s->rtt_ns;
    sum->tls_group = s->tls_group;
}

void runner_link_drop(struct runner *r, unsigned link)
{
    struct runner_link *l = &r->links[link];
    if (l->client != NULL) {
        struct net_stats s = {0};
        net_client_stats(l->client, &s);
        add_stats(&r->net_gone, &s);
        net_client_free(l->client);
        l->client = NULL;
    }
    l->open = l->given_up = false;
}

void runner_links_tidy(struct runner *r)
{
    for (unsigned i = 0; i < SOTTO_LINKS_MAX; i++) {
        if (r->links[i].given_up) {
            runner_link_drop(r, i);
        }
    }
}

void runner_links_free(struct runner *r)
{
    for (unsigned i = 0; i < SOTTO_LINKS_MAX; i++) {
        runner_link_drop(r, i);
    }
}

void runner_net_stats(const struct runner *r, struct net_stats *out)
{
    *out = r->net_gone;
    for (unsigned i = 0; i < SOTTO_LINKS_MAX; i++) {
        if (r->links[i].client != NULL) {
            struct net_stats s = {0};
            net_client_stats(r->links[i].client, &s);
            add_stats(out, &s);
        }
    }
}

bool runner_transport(const struct runner *r, enum net_transport *out)
{
    for (unsigned i = 0; i < SOTTO_LINKS_MAX; i++) {
        if (r->links[i].open) {
            *out = r->links[i].transport;
            return true;
        }
    }
    return false;
}
