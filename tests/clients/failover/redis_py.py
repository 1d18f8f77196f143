"""redis-py with its defaults: redis_py.py cluster|plain ADDRESS KEYS"""
import sys

import redis
from redis.cluster import ClusterNode, RedisCluster

from history import History

mode, address, keys = sys.argv[1:4]
host, port = address.rsplit(":", 1)
if mode == "cluster":
    client = RedisCluster(startup_nodes=[ClusterNode(host, int(port))])
else:
    client = redis.Redis(host, int(port))
History(keys, client.get, client.set).run()
