const { URL = "https://example.com/" } = process.env;

const response = await fetch(URL);
console.log(response.status, await response.text());
