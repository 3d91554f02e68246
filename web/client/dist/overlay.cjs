"use strict";var S=Object.defineProperty;var D=Object.getOwnPropertyDescriptor;var N=Object.getOwnPropertyNames;var _=Object.prototype.hasOwnProperty;var J=(o,e)=>{for(var t in e)S(o,t,{get:e[t],enumerable:!0})},K=(o,e,t,i)=>{if(e&&typeof e=="object"||typeof e=="function")for(let n of N(e))!_.call(o,n)&&n!==t&&S(o,n,{get:()=>e[n],enumerable:!(i=D(e,
n))||i.enumerable});return o};var G=o=>K(S({},"__esModule",{value:!0}),o);var he={};J(he,{Overlay:()=>j,overlayStyle:()=>ae});module.exports=G(he);var R=require("./barrage.cjs");function q(o){return new R.BarrageError("invalid",o)}function b(o,e,t){let{seq:i,userId:n,id:s,ts:a}=o;return n?n!==e.userId||s!==e.id?!1:s.startsWith("~")||Math.abs(a-e.ts)<=(s?12e4:0):t&&i>0&&i===e.seq}var U=/[\u202a-\u202e\u2066-\u2069]/g,Y=/[\u0590-\u08ff\u200f\u061c\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;function u(o){return o.replace(U,"")}function y(o){let e=u(o);return Y.
test(e)?`⁨${e}⁩`:e}var Z=64,Q=/[\p{Cc}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;function C({user:o,userId:e}){let t=o?.name;return typeof t!="string"?u(e):[...t.replace(/\s+/g," ").replace(Q,"").
trim()].slice(0,Z).join("").trim()||u(e)}function O(o){let e=2166136261;for(let t of o)e=Math.imul(e^t.codePointAt(0),16777619);return(e>>>0)%360}var p=class{count=0;since=0;rate=0;add(e=1){this.count+=e}perSecond(e){let t=e-this.since;if(t<50)return this.rate;let i=Math.exp(-t/1e3);return this.rate=this.rate*i+this.count*1e3/t*(1-i),this.count=
0,this.since=e,this.rate}},v=class{constructor(e,t){this.rate=e;this.burst=t;this.left=t}rate;burst;left;since=0;take(e){return this.left=Math.min(this.burst,this.left+(e-this.since)*this.rate/1e3),this.
since=e,this.left<1?!1:(this.left--,!0)}};function L(o,e){if(o>=e*.97)return;let t=e/Math.max(o,.01);if(t>=1.75)return{part:1,whole:Math.round(t)};let i=Math.min(9,Math.max(2,Math.round(o/(e-o))));return{
part:i,whole:i+1}}function P(o,e){return o.from-o.speed*(e-o.at)}var $=4,w=class{constructor(e){this.gap=e}gap;last=[];width=0;strips=0;resize(e,t){this.width=e,this.strips=Math.floor(t/$)}clear(){this.last.fill(void 0)}place(e,t,i,n=0){
let s=Math.ceil(e.height/$),a=this.width+n;for(let r=0;r+s<=this.strips;r+=s){if(this.firstTaken(r,s,a,t,i)>=0)continue;let l={...e,speed:t,from:a,at:i,top:r*$};for(let d=r;d<r+s;d++)this.last[d]=l;return l}}firstTaken(e,t,i,n,s){
let a;for(let r=e;r<e+t;r++){let h=this.last[r];if(!(h===a||!h)){if(!this.staysBehind(h,i,n,s))return r;a=h}}return-1}staysBehind(e,t,i,n){let s=P(e,n)+e.width+this.gap;return s>t?!1:s<=0||i<=e.speed?
!0:t-i*(s/e.speed)>=0}};var V=[{font:22,track:36,speed:1},{font:18,track:28,speed:1.35},{font:15,track:20,speed:1.8},{font:15,track:20,speed:2.6}],T=1.4,X='system-ui, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHe\
i", "Noto Sans CJK SC", sans-serif',I=12,M=60,ee=120,te=900,ie=8e3,k=class{constructor(e){this.canvas=e;this.context=e.getContext("2d")}canvas;tracks=new w(I);context;flyers=[];waiting=[];spare=[];width=0;height=0;scale=1;ems=6;offered=new p;shown=new p;blank=!0;pictures;look={
family:X,times:1,speed:1};resize(){let{clientWidth:e,clientHeight:t}=this.canvas;this.scale=Math.min(2,devicePixelRatio||1),this.width=e,this.height=t,this.canvas.width=Math.round(e*this.scale),this.canvas.
height=Math.round(t*this.scale),this.tracks.resize(e,t-8)}add(e){if(this.offered.add(),this.waiting.push({comment:e,since:performance.now()}),this.waiting.length<=ee)return;let t=this.waiting.findIndex(
i=>i.comment.look!=="mine");this.waiting.splice(Math.max(0,t),1)}remove(e){this.drop(t=>b(e,t,!0))}drop(e){this.waiting=this.waiting.filter(t=>!e(t.comment.message));for(let t of this.flyers)e(t.comment.
message)&&(t.sprite.width=1)}clear(){this.waiting=[],this.flyers=[],this.tracks.clear()}share(e){let t=this.offered.perSecond(e),i=this.shown.perSecond(e);return t<3?void 0:L(i,t)}draw(e){this.launch(
e);let{context:t,scale:i}=this;this.blank||t.clearRect(0,0,this.canvas.width,this.canvas.height),this.blank=this.flyers.length===0;let n=0;for(let s of this.flyers){let a=P(s.flight,e);if(a+s.flight.width<
0){this.spare.length<64&&this.spare.push(s.sprite);continue}this.flyers[n++]=s,a<this.width&&t.drawImage(s.sprite,a*i,s.flight.top*i+4*i)}this.flyers.length=n}launch(e){if(this.waiting=this.waiting.filter(
r=>e-r.since<(r.comment.look==="mine"?ie:te)),!this.waiting.length||!this.width)return;let t=this.density(e),i=Math.max(2,Math.ceil(this.waiting.length/6)),n=4,s=r=>+(r.comment.look==="mine"),a=this.waiting.
sort((r,h)=>s(h)-s(r));this.waiting=[];for(let r of a)i>0&&n>0&&this.fly(r.comment,t,e)?i--:(n--,this.waiting.push(r))}get base(){return .05+this.width/12e3}fly(e,{font:t,track:i,speed:n},s){let a=this.
partsOf(ne(e));this.context.font=`600 ${t}px ${this.look.family}`;let r=Math.ceil(a.reduce((d,c)=>d+this.widthOf(c,t),0))+H(e,t)*2,h=1+.3*Math.min(1,r/this.width),l=this.tracks.place({width:r,height:i},
this.base*n*h,s,Math.random()*60);return l?(this.ems+=(r/t-this.ems)*.02,this.shown.add(),this.flyers.push({comment:e,flight:l,sprite:this.paint(e,a,t,l)}),!0):!1}density(e){let t=this.offered.perSecond(
e),{times:i,speed:n}=this.look,s=V.map(({font:r,track:h,speed:l})=>({font:r*i,track:h*i,speed:l*n}));return s.find(({font:r,track:h,speed:l})=>{let d=(this.ems*r+I)/(this.base*l*1e3);return t<.75*Math.
floor(this.height/h)/d})??s[s.length-1]}partsOf(e){let t=this.pictures?.in(e)??[],i=[];if(!t.length||y(e)!==e)return[e];let n=0;for(let[s,a,r]of t){let h=this.pictures.of(r);h&&(i.push(e.slice(n,s),h),
n=a)}return[...i,e.slice(n)].filter(s=>s!=="")}widthOf(e,t){return typeof e=="string"?this.context.measureText(e).width:T*t}paint(e,t,i,{width:n,height:s}){let a=this.spare.pop()??document.createElement(
"canvas"),r=a.getContext("2d");a.width=Math.ceil(n*this.scale),a.height=Math.ceil(s*this.scale),r.scale(this.scale,this.scale),e.look!=="plain"&&(r.fillStyle=e.look==="mine"?"rgb(82 70 214 / .62)":"rg\
b(160 96 0 / .62)",r.strokeStyle=e.look==="mine"?"#cfc9ff":"#ffd873",r.lineWidth=1.5,r.beginPath(),r.roundRect(1,1,n-2,s-2,s/2),r.fill(),r.stroke()),r.font=`600 ${i}px ${this.look.family}`,r.textBaseline=
"middle",r.lineJoin="round",r.lineWidth=i/6,r.strokeStyle="rgb(8 6 24 / .72)",r.fillStyle=e.look==="gift"?"#ffe9a8":e.look==="mine"||e.hue%3?"#fff":`oklch(.9 .1 ${e.hue})`;let h=s/2+1,l=T*i,d=H(e,i);for(let c of t)
typeof c=="string"?(r.strokeText(c,d,h),r.fillText(c,d,h)):r.drawImage(c,d,h-l/2,l,l),d+=t.length>1?this.widthOf(c,i):0;return a}};function H(o,e){return o.look==="plain"?3:e*.7}var se=new Intl.Segmenter;
function ne({text:o,who:e}){return(e?`${y(e)} `:"")+y(re(o))}function re(o){let e=o.replace(/\s+/g," ");if(e.length<=M)return e;let t=[...se.segment(e.slice(0,4*M))].map(i=>i.segment);return t.length<=
M?e:`${t.slice(0,M).join("")}…`}function E({userId:o,ts:e},t){return o!==""&&o===t.userId&&t.since<=e&&e<=t.until}var F=30,oe=22,A=1e3,W=600,ae=`
.barrage { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--barrage-color, #fff); font: var(--barrage-weight, 600) var(--barrage-size, 22px)/1.35 var(--barrage-font, \
system-ui, sans-serif); text-shadow: var(--barrage-shadow, 0 1px 3px rgb(0 0 0 / .85), 0 0 2px rgb(0 0 0 / .85)); }
.barrage-sky { position: absolute; inset: 0 0 auto; width: 100%; height: calc(100% * var(--barrage-area, 1)); }
.barrage-list { position: absolute; inset: auto 0 0; display: grid; gap: var(--barrage-gap, .15em); margin: 0; padding: var(--barrage-padding, .6em); list-style: none; }
.barrage-row { overflow-wrap: anywhere; }
.barrage-name { margin-inline-end: .45em; color: var(--barrage-accent, oklch(.86 .12 var(--barrage-hue))); unicode-bidi: isolate; }
.barrage-text { unicode-bidi: isolate; font-weight: var(--barrage-text-weight, 500); }
.barrage-said { color: var(--barrage-accent, #ffe9a8); }
.barrage-fades .barrage-row { animation: barrage-out ${W}ms var(--barrage-fade) both; }
@keyframes barrage-out { to { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .barrage-sky { display: none; } }
`,j=class{#o;#t;#n;#r;#i;#l;#p=new v(F,2*F);#a;#s=[];#e=[];#d=[];#c=()=>"";#h=0;#f=-A;constructor(e,t={}){let{look:i="fly",lines:n=8,fadeMs:s=0,area:a=1,size:r,font:h,accent:l,hide:d=()=>!1}=t;if(!["f\
ly","list","both"].includes(i))throw q(`cannot make an overlay: look is ${String(i)}, want fly, list or both`);x("lines",n,1,100),x("fadeMs",s,0,36e5),x("area",a,.1,1),r!==void 0&&x("size",r,8,200),this.#r=
Math.floor(n),this.#i=s,this.#l=d;let c=this.#o=m("div",`barrage${s>0?" barrage-fades":""}`),B={size:r&&`${r}px`,font:h,accent:l,fade:`${s}ms`,area:t.area&&String(a)};for(let[f,g]of Object.entries(B))
g&&c.style.setProperty(`--barrage-${f}`,g);if(i!=="list"){let f=m("canvas","barrage-sky");f.ariaHidden="true",c.append(f);let g=this.#t=new k(f);this.#a=new ResizeObserver(()=>g.resize()),this.#a.observe(
f)}i!=="fly"&&c.append(this.#n=m("ol","barrage-list")),e.append(c),this.#h=requestAnimationFrame(f=>this.#m(f))}show(e){this.clear(),this.#c=()=>e.epoch;let t=i=>this.#u(i);this.#d=[e.on("message",(i,{
history:n})=>this.#g(i,e.epoch,n)),e.on("recalled",i=>t((n,s)=>b(i,n,s===e.epoch))),e.on("purged",i=>t(n=>E(n,i))),e.on("cleared",i=>t((n,s)=>s!==i.epoch||n.seq<=i.seq))]}clear(){for(let e of this.#d.
splice(0))e();this.#u(()=>!0),this.#t?.clear()}close(){this.clear(),cancelAnimationFrame(this.#h),this.#a?.disconnect(),this.#o.remove()}#g(e,t,i){if(e.recalled||this.#l(e))return;let n=e.kind==="syst\
em",s=performance.now(),a=i?Math.max(0,Date.now()-e.ts):0;if(this.#n&&(this.#i===0||a<this.#i)&&(n||i||this.#p.take(s))&&(this.#e.push({message:e,epoch:t,node:this.#b(e,a),endsAt:this.#i>0?s+this.#i-a+
W:1/0}),this.#e.length>2*this.#r&&(this.#e=this.#e.slice(-this.#r))),i||document.hidden)return;let r=e.kind==="gift";this.#t?.add({message:e,text:e.body,...r?{who:C(e)}:{},look:r||n?"gift":"plain",hue:O(
e.userId)})}#b(e,t){let i=e.kind==="system",n=m("li",`barrage-row barrage-kind-${z(e.kind)}${i?" barrage-said":""}`),s=e.user?.role;return typeof s=="string"&&s&&n.classList.add(`barrage-role-${z(s)}`),
n.style.setProperty("--barrage-hue",String(O(e.userId))),t>0&&(n.style.animationDelay=`${this.#i-t}ms`),n.part.add("row"),i||n.append(m("b","barrage-name",C(e))," "),n.append(m("span","barrage-text",u(
e.body))),n}#u(e){let t=({message:i,epoch:n,node:s})=>e(i,n)?(s.remove(),!1):!0;this.#s=this.#s.filter(t),this.#e=this.#e.filter(t),this.#t?.drop(i=>e(i,this.#c()))}#y(e,t){if(t-this.#f>=A){let{fontFamily:i,
fontSize:n}=getComputedStyle(this.#o);e.look={family:i,times:parseFloat(n)/oe,speed:1},this.#f=t}e.draw(performance.now())}#m(e){if(this.#h=requestAnimationFrame(s=>this.#m(s)),this.#t&&this.#y(this.#t,
e),!this.#n)return;let t=this.#s.length>0&&this.#s[0].endsAt<=e;if(this.#e.length===0&&!t)return;let i=[...this.#s,...this.#e.splice(0)],n=i.filter(({endsAt:s})=>s>e).slice(-this.#r);for(let s of i)n.
includes(s)||s.node.remove();for(let{node:s}of n)s.isConnected||this.#n.append(s);this.#s=n}};function x(o,e,t,i){if(!(typeof e=="number"&&e>=t&&e<=i))throw q(`cannot make an overlay: ${o} is ${String(
e)}, want ${t} to ${i}`)}function z(o){return o.replace(/[^\w-]/g,"_").slice(0,32)}function m(o,e,t=""){let i=document.createElement(o);return i.className=e,t&&(i.dir="auto",i.textContent=t),i}
