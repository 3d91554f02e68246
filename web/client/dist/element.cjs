"use strict";var q=Object.defineProperty;var _=Object.getOwnPropertyDescriptor;var J=Object.getOwnPropertyNames;var K=Object.prototype.hasOwnProperty;var U=(o,e)=>{for(var t in e)q(o,t,{get:e[t],enumerable:!0})},Y=(o,e,t,i)=>{if(e&&typeof e=="object"||typeof e=="function")for(let n of J(e))!K.call(o,n)&&n!==t&&q(o,n,{get:()=>e[n],enumerable:!(i=_(e,
n))||i.enumerable});return o};var Z=o=>Y(q({},"__esModule",{value:!0}),o);var fe={};U(fe,{BarrageRoom:()=>S});module.exports=Z(fe);var E=require("./barrage.cjs");function C(o){return new E.BarrageError("invalid",o)}function b(o,e,t){let{seq:i,userId:n,id:s,ts:a}=o;return n?n!==e.userId||s!==e.id?!1:s.startsWith("~")||Math.abs(a-e.ts)<=(s?12e4:0):t&&i>0&&i===e.seq}var Q=/[\u202a-\u202e\u2066-\u2069]/g,V=/[\u0590-\u08ff\u200f\u061c\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;function c(o){return o.replace(Q,"")}function O(o){let e=c(o);return V.
test(e)?`⁨${e}⁩`:e}var X=64,ee=/[\p{Cc}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;function T({user:o,userId:e}){let t=o?.name;return typeof t!="string"?c(e):[...t.replace(/\s+/g," ").replace(ee,"").
trim()].slice(0,X).join("").trim()||c(e)}function R(o){let e=2166136261;for(let t of o)e=Math.imul(e^t.codePointAt(0),16777619);return(e>>>0)%360}var m=class{count=0;since=0;rate=0;add(e=1){this.count+=e}perSecond(e){let t=e-this.since;if(t<50)return this.rate;let i=Math.exp(-t/1e3);return this.rate=this.rate*i+this.count*1e3/t*(1-i),this.count=
0,this.since=e,this.rate}},y=class{constructor(e,t){this.rate=e;this.burst=t;this.left=t}rate;burst;left;since=0;take(e){return this.left=Math.min(this.burst,this.left+(e-this.since)*this.rate/1e3),this.
since=e,this.left<1?!1:(this.left--,!0)}};function A(o,e){if(o>=e*.97)return;let t=e/Math.max(o,.01);if(t>=1.75)return{part:1,whole:Math.round(t)};let i=Math.min(9,Math.max(2,Math.round(o/(e-o))));return{
part:i,whole:i+1}}function j(o,e){return o.from-o.speed*(e-o.at)}var $=4,v=class{constructor(e){this.gap=e}gap;last=[];width=0;strips=0;resize(e,t){this.width=e,this.strips=Math.floor(t/$)}clear(){this.last.fill(void 0)}place(e,t,i,n=0){
let s=Math.ceil(e.height/$),a=this.width+n;for(let r=0;r+s<=this.strips;r+=s){if(this.firstTaken(r,s,a,t,i)>=0)continue;let l={...e,speed:t,from:a,at:i,top:r*$};for(let f=r;f<r+s;f++)this.last[f]=l;return l}}firstTaken(e,t,i,n,s){
let a;for(let r=e;r<e+t;r++){let h=this.last[r];if(!(h===a||!h)){if(!this.staysBehind(h,i,n,s))return r;a=h}}return-1}staysBehind(e,t,i,n){let s=j(e,n)+e.width+this.gap;return s>t?!1:s<=0||i<=e.speed?
!0:t-i*(s/e.speed)>=0}};var te=[{font:22,track:36,speed:1},{font:18,track:28,speed:1.35},{font:15,track:20,speed:1.8},{font:15,track:20,speed:2.6}],ie='system-ui, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHei", \
"Noto Sans CJK SC", sans-serif',L=12,w=60,ne=120,se=900,re=8e3,k=class{constructor(e){this.canvas=e;this.context=e.getContext("2d")}canvas;tracks=new v(L);context;flyers=[];waiting=[];spare=[];width=0;height=0;scale=1;ems=6;offered=new m;shown=new m;blank=!0;look={
family:ie,times:1};resize(){let{clientWidth:e,clientHeight:t}=this.canvas;this.scale=Math.min(2,devicePixelRatio||1),this.width=e,this.height=t,this.canvas.width=Math.round(e*this.scale),this.canvas.height=
Math.round(t*this.scale),this.tracks.resize(e,t-8)}add(e){if(this.offered.add(),this.waiting.push({comment:e,since:performance.now()}),this.waiting.length<=ne)return;let t=this.waiting.findIndex(i=>i.
comment.look!=="mine");this.waiting.splice(Math.max(0,t),1)}remove(e){this.drop(t=>b(e,t,!0))}drop(e){this.waiting=this.waiting.filter(t=>!e(t.comment.message));for(let t of this.flyers)e(t.comment.message)&&
(t.sprite.width=1)}clear(){this.waiting=[],this.flyers=[],this.tracks.clear()}share(e){let t=this.offered.perSecond(e),i=this.shown.perSecond(e);return t<3?void 0:A(i,t)}draw(e){this.launch(e);let{context:t,
scale:i}=this;this.blank||t.clearRect(0,0,this.canvas.width,this.canvas.height),this.blank=this.flyers.length===0;let n=0;for(let s of this.flyers){let a=j(s.flight,e);if(a+s.flight.width<0){this.spare.
length<64&&this.spare.push(s.sprite);continue}this.flyers[n++]=s,a<this.width&&t.drawImage(s.sprite,a*i,s.flight.top*i+4*i)}this.flyers.length=n}launch(e){if(this.waiting=this.waiting.filter(r=>e-r.since<
(r.comment.look==="mine"?re:se)),!this.waiting.length||!this.width)return;let t=this.density(e),i=Math.max(2,Math.ceil(this.waiting.length/6)),n=4,s=r=>+(r.comment.look==="mine"),a=this.waiting.sort((r,h)=>s(
h)-s(r));this.waiting=[];for(let r of a)i>0&&n>0&&this.fly(r.comment,t,e)?i--:(n--,this.waiting.push(r))}get base(){return .05+this.width/12e3}fly(e,{font:t,track:i,speed:n},s){let a=ae(e);this.context.
font=`600 ${t}px ${this.look.family}`;let r=Math.ceil(this.context.measureText(a).width)+P(e,t)*2,h=1+.3*Math.min(1,r/this.width),l=this.tracks.place({width:r,height:i},this.base*n*h,s,Math.random()*60);
return l?(this.ems+=(r/t-this.ems)*.02,this.shown.add(),this.flyers.push({comment:e,flight:l,sprite:this.paint(e,a,t,l)}),!0):!1}density(e){let t=this.offered.perSecond(e),{times:i}=this.look,n=te.map(
({font:a,track:r,speed:h})=>({font:a*i,track:r*i,speed:h}));return n.find(({font:a,track:r,speed:h})=>{let l=(this.ems*a+L)/(this.base*h*1e3);return t<.75*Math.floor(this.height/r)/l})??n[n.length-1]}paint(e,t,i,{
width:n,height:s}){let a=this.spare.pop()??document.createElement("canvas"),r=a.getContext("2d");a.width=Math.ceil(n*this.scale),a.height=Math.ceil(s*this.scale),r.scale(this.scale,this.scale),e.look!==
"plain"&&(r.fillStyle=e.look==="mine"?"rgb(82 70 214 / .62)":"rgb(160 96 0 / .62)",r.strokeStyle=e.look==="mine"?"#cfc9ff":"#ffd873",r.lineWidth=1.5,r.beginPath(),r.roundRect(1,1,n-2,s-2,s/2),r.fill(),
r.stroke()),r.font=`600 ${i}px ${this.look.family}`,r.textBaseline="middle",r.lineJoin="round",r.lineWidth=i/6,r.strokeStyle="rgb(8 6 24 / .72)";let h=P(e,i),l=s/2+1;return r.strokeText(t,h,l),r.fillStyle=
e.look==="gift"?"#ffe9a8":e.look==="mine"||e.hue%3?"#fff":`oklch(.9 .1 ${e.hue})`,r.fillText(t,h,l),a}};function P(o,e){return o.look==="plain"?3:e*.7}var oe=new Intl.Segmenter;function ae({text:o,who:e}){
return(e?`${O(e)} `:"")+O(he(o))}function he(o){let e=o.replace(/\s+/g," ");if(e.length<=w)return e;let t=[...oe.segment(e.slice(0,4*w))].map(i=>i.segment);return t.length<=w?e:`${t.slice(0,w).join("")}\
…`}function H({userId:o,ts:e},t){return o!==""&&o===t.userId&&t.since<=e&&e<=t.until}var I=30,le=22,z=1e3,B=600,W=`
.barrage { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--barrage-color, #fff); font: var(--barrage-weight, 600) var(--barrage-size, 22px)/1.35 var(--barrage-font, \
system-ui, sans-serif); text-shadow: var(--barrage-shadow, 0 1px 3px rgb(0 0 0 / .85), 0 0 2px rgb(0 0 0 / .85)); }
.barrage-sky { position: absolute; inset: 0 0 auto; width: 100%; height: calc(100% * var(--barrage-area, 1)); }
.barrage-list { position: absolute; inset: auto 0 0; display: grid; gap: var(--barrage-gap, .15em); margin: 0; padding: var(--barrage-padding, .6em); list-style: none; }
.barrage-row { overflow-wrap: anywhere; }
.barrage-name { margin-inline-end: .45em; color: var(--barrage-accent, oklch(.86 .12 var(--barrage-hue))); unicode-bidi: isolate; }
.barrage-text { unicode-bidi: isolate; font-weight: var(--barrage-text-weight, 500); }
.barrage-said { color: var(--barrage-accent, #ffe9a8); }
.barrage-fades .barrage-row { animation: barrage-out ${B}ms var(--barrage-fade) both; }
@keyframes barrage-out { to { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .barrage-sky { display: none; } }
`,x=class{#n;#e;#s;#r;#t;#h;#l=new y(I,2*I);#a;#o=[];#i=[];#d=[];#u=()=>"";#c=0;#f=-z;constructor(e,t={}){let{look:i="fly",lines:n=8,fadeMs:s=0,area:a=1,size:r,font:h,accent:l,hide:f=()=>!1}=t;if(!["f\
ly","list","both"].includes(i))throw C(`cannot make an overlay: look is ${String(i)}, want fly, list or both`);M("lines",n,1,100),M("fadeMs",s,0,36e5),M("area",a,.1,1),r!==void 0&&M("size",r,8,200),this.#r=
Math.floor(n),this.#t=s,this.#h=f;let g=this.#n=u("div",`barrage${s>0?" barrage-fades":""}`),G={size:r&&`${r}px`,font:h,accent:l,fade:`${s}ms`,area:t.area&&String(a)};for(let[d,p]of Object.entries(G))
p&&g.style.setProperty(`--barrage-${d}`,p);if(i!=="list"){let d=u("canvas","barrage-sky");d.ariaHidden="true",g.append(d);let p=this.#e=new k(d);this.#a=new ResizeObserver(()=>p.resize()),this.#a.observe(
d)}i!=="fly"&&g.append(this.#s=u("ol","barrage-list")),e.append(g),this.#c=requestAnimationFrame(d=>this.#g(d))}show(e){this.clear(),this.#u=()=>e.epoch;let t=i=>this.#m(i);this.#d=[e.on("message",(i,{
history:n})=>this.#p(i,e.epoch,n)),e.on("recalled",i=>t((n,s)=>b(i,n,s===e.epoch))),e.on("purged",i=>t(n=>H(n,i))),e.on("cleared",i=>t((n,s)=>s!==i.epoch||n.seq<=i.seq))]}clear(){for(let e of this.#d.
splice(0))e();this.#m(()=>!0),this.#e?.clear()}close(){this.clear(),cancelAnimationFrame(this.#c),this.#a?.disconnect(),this.#n.remove()}#p(e,t,i){if(e.recalled||this.#h(e))return;let n=e.kind==="syst\
em",s=performance.now(),a=i?Math.max(0,Date.now()-e.ts):0;if(this.#s&&(this.#t===0||a<this.#t)&&(n||i||this.#l.take(s))&&(this.#i.push({message:e,epoch:t,node:this.#b(e,a),endsAt:this.#t>0?s+this.#t-a+
B:1/0}),this.#i.length>2*this.#r&&(this.#i=this.#i.slice(-this.#r))),i||document.hidden)return;let r=e.kind==="gift";this.#e?.add({message:e,text:e.body,...r?{who:T(e)}:{},look:r||n?"gift":"plain",hue:R(
e.userId)})}#b(e,t){let i=e.kind==="system",n=u("li",`barrage-row barrage-kind-${F(e.kind)}${i?" barrage-said":""}`),s=e.user?.role;return typeof s=="string"&&s&&n.classList.add(`barrage-role-${F(s)}`),
n.style.setProperty("--barrage-hue",String(R(e.userId))),t>0&&(n.style.animationDelay=`${this.#t-t}ms`),n.part.add("row"),i||n.append(u("b","barrage-name",T(e))," "),n.append(u("span","barrage-text",c(
e.body))),n}#m(e){let t=({message:i,epoch:n,node:s})=>e(i,n)?(s.remove(),!1):!0;this.#o=this.#o.filter(t),this.#i=this.#i.filter(t),this.#e?.drop(i=>e(i,this.#u()))}#y(e,t){if(t-this.#f>=z){let{fontFamily:i,
fontSize:n}=getComputedStyle(this.#n);e.look={family:i,times:parseFloat(n)/le},this.#f=t}e.draw(performance.now())}#g(e){if(this.#c=requestAnimationFrame(s=>this.#g(s)),this.#e&&this.#y(this.#e,e),!this.#s)
return;let t=this.#o.length>0&&this.#o[0].endsAt<=e;if(this.#i.length===0&&!t)return;let i=[...this.#o,...this.#i.splice(0)],n=i.filter(({endsAt:s})=>s>e).slice(-this.#r);for(let s of i)n.includes(s)||
s.node.remove();for(let{node:s}of n)s.isConnected||this.#s.append(s);this.#o=n}};function M(o,e,t,i){if(!(typeof e=="number"&&e>=t&&e<=i))throw C(`cannot make an overlay: ${o} is ${String(e)}, want ${t}\
 to ${i}`)}function F(o){return o.replace(/[^\w-]/g,"_").slice(0,32)}function u(o,e,t=""){let i=document.createElement(o);return i.className=e,t&&(i.dir="auto",i.textContent=t),i}var D=require("./barrage.cjs"),de=":host { display: block; position: relative; min-height: 1em; } :host([hidden]) { display: none; }",ce=["room","url","user-id","token","look","lines","fade","area","s\
ize","font","accent"],ue=globalThis.HTMLElement??class{},S=class extends ue{static observedAttributes=ce;#n;#e;#s;#r=!1;get live(){return this.#e}get getToken(){return this.#n}set getToken(e){this.#n=
e,this.#t()}connectedCallback(){this.#t()}disconnectedCallback(){this.#t()}attributeChangedCallback(){this.#t()}#t(){this.#r||(this.#r=!0,queueMicrotask(()=>{this.#r=!1,this.#l(),this.isConnected&&this.
getAttribute("room")&&this.#h()}))}#h(){try{let e=this.#s=new x(this.#o(),this.#i()),t=this.#e=new D.Room(this.#d());e.show(t),t.on("error",i=>this.#a(i)),t.connect()}catch(e){this.#l(),this.#a(e)}}#l(){
this.#s?.close(),this.#e?.close(),this.#s=this.#e=void 0}#a(e){this.dispatchEvent(new CustomEvent("barrage-error",{detail:e}))}#o(){if(this.shadowRoot)return this.shadowRoot;let e=this.attachShadow({mode:"\
open"}),t=new CSSStyleSheet;return t.replaceSync(de+W),e.adoptedStyleSheets=[t],e}#i(){let e=(i,n=1)=>this.hasAttribute(i)?Number(this.getAttribute(i))*n:void 0,t={look:this.getAttribute("look")??void 0,
lines:e("lines"),fadeMs:e("fade",1e3),area:e("area"),size:e("size"),font:this.getAttribute("font")??void 0,accent:this.getAttribute("accent")??void 0};return N(t)}#d(){let[e,t,i,n]=["room","url","user\
-id","token"].map(s=>this.getAttribute(s)??void 0);return N({room:e,url:t,userId:i,...this.#n?{getToken:this.#n}:{token:n}})}};function N(o){return Object.fromEntries(Object.entries(o).filter(([,e])=>e!==
void 0))}globalThis.customElements&&!customElements.get("barrage-room")&&customElements.define("barrage-room",S);
