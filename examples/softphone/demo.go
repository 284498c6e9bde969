package main

type account struct {
	User string `json:"user"`
	Name string `json:"name"`
}

type service struct {
	account
	About string `json:"about"`
}

// demo is what there is to try, and what the page is told about its server.
var demo = struct {
	Domain   string    `json:"domain"`
	Password string    `json:"password"` // of every account; no secret, the page shows it
	Accounts []account `json:"accounts"`
	Services []service `json:"services"` // extensions that answer by themselves
}{
	Domain:   "sipwasm.example", // nobody's (RFC 6761)
	Password: "open-sesame",
	Accounts: []account{{"1001", "Ada"}, {"1002", "Grace"}, {"1003", "Hedy"}, {"1004", "Radia"}},
	Services: []service{{account{"echo", "Echo"}, "Sends back what it hears"}},
}
