import os
import httpx

PROXY = os.environ.get("PROXY", "http://any:KEY@127.0.0.1:8081")
URL = os.environ.get("URL", "https://example.com/")

with httpx.Client(proxies=PROXY, timeout=30) as client:  # httpx 0.26 and newer: proxy=PROXY
    response = client.get(URL)
print(response.status_code, response.text)
