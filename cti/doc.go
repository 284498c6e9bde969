// Package cti is the room for the mapping of call events to the Open CTI of
// Salesforce: screen pop, click-to-dial and call log. It holds nothing yet.
//
// What will live here is pure Go and sees package sipua through the call events
// and commands that it needs, nothing else; the two host objects of Salesforce
// (sforce.interaction and sforce.opencti) stay behind small interfaces.
package cti
