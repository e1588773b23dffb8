import os
from urllib.request import ProxyHandler, build_opener

PROXY = os.environ.get("PROXY", "http://any:KEY@127.0.0.1:8081")
URL = os.environ.get("URL", "https://example.com/")

opener = build_opener(ProxyHandler({"http": PROXY, "https": PROXY}))
with opener.open(URL, timeout=30) as response:
    print(response.status, response.read().decode())
