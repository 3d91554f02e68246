"use strict";var $=Object.defineProperty;var K=Object.getOwnPropertyDescriptor;var Z=Object.getOwnPropertyNames;var Q=Object.prototype.hasOwnProperty;var V=(o,e)=>{for(var t in e)$(o,t,{get:e[t],enumerable:!0})},X=(o,e,t,i)=>{if(e&&typeof e=="object"||typeof e=="function")for(let s of Z(e))!Q.call(o,s)&&s!==t&&$(o,s,{get:()=>e[s],enumerable:!(i=K(e,
s))||i.enumerable});return o};var Y=o=>X($({},"__esModule",{value:!0}),o);var ye={};V(ye,{Overlay:()=>j,overlayStyle:()=>J});module.exports=Y(ye);var I=require("./barrage.cjs");function f(o,e=String){try{return e(o)}catch{return typeof o}}function m(o){return new I.BarrageError("invalid",o)}function ee(o,e){let t=o(),i=e(),s=0;return()=>{let n=o(),a=e(),r=a-i-(n-t);return r>1e3&&(s+=r),t=n,i=a,t+s}}var M=ee(()=>performance.now(),()=>Date.now());function R(o,e,t){let{seq:i,userId:s,id:n,ts:a}=o;return s?s!==e.userId||n!==e.id?!1:n.startsWith("~")||Math.abs(a-e.ts)<=(n?12e4:0):t&&i>0&&i===e.seq}function W(o,{epoch:e,seq:t,later:i}){let s=o.findIndex(
n=>n.message&&(n.epoch===e?n.message.seq>t:i.includes(n.epoch??"")));return s<0?o.length:s}var x=/:([A-Za-z0-9_+-]{1,32}):/g;var te=globalThis.matchMedia?.("(prefers-reduced-motion: reduce)");function ie(o){let e=document.createElement("canvas"),{naturalWidth:t,naturalHeight:i,className:s,title:n,alt:a}=o,r=Math.min(i,128);
return Object.assign(e,{className:s,title:n,height:r,width:t*r/i},a?{role:"img",ariaLabel:a}:{ariaHidden:"true"}),e.getContext("2d").drawImage(o,0,0,e.width,r),e}var b=class{#i;#e;#o=new Map;#s=new Map;#n=!1;constructor(e,t){
this.#i=e,this.#e=t}async load(){if(!this.#n){this.#n=!0;try{let e=s=>new URL(s,this.#i).href,t=await fetch(e("emotes"));if(!t.ok)throw t;let i=await t.json();for(let s in i)this.#s.set(s,e(i[s]));this.#s.
size&&this.#e([...this.#s.keys()])}catch{setTimeout(()=>this.#n=!1,6e4)}}}in(e){let t=[];x.lastIndex=0;for(let i;t.length<50&&(i=x.exec(e));)this.#s.has(i[1])?t.push([i.index,x.lastIndex,i[1]]):(x.lastIndex--,
this.load());return t}image(e,t="emote"){let i=new Image;return i.className=t,i.alt=i.title=`:${e}:`,i.crossOrigin="",i.src=this.#s.get(e),te?.matches&&(i.onload=()=>i.replaceWith(ie(i))),i}of(e){let t=this.#o.
get(e)??this.image(e);return this.#o.set(e,t),t.complete&&t.naturalWidth>0?t:void 0}};var se=/[\u202a-\u202e\u2066-\u2069]/g,ne=/[\u0590-\u08ff\u200f\u061c\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;function g(o){return o.replace(se,"")}function k(o){let e=g(o);
return ne.test(e)?`⁨${e}⁩`:e}var re=64,oe=/[\p{Cc}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;function L({user:o,userId:e}){let t=o?.name;return typeof t!="string"?g(e):[...t.replace(/\s+/g," ").replace(oe,
"").trim()].slice(0,re).join("").trim()||g(e)}function E(o){let e=2166136261;for(let t of o)e=Math.imul(e^t.codePointAt(0),16777619);return(e>>>0)%360}var y=class{count=0;since=0;rate=0;add(e=1){this.count+=e}perSecond(e){let t=e-this.since;if(t<50)return this.rate;let i=Math.exp(-t/1e3);return this.rate=this.rate*i+this.count*1e3/t*(1-i),this.count=
0,this.since=e,this.rate}},S=class{constructor(e,t){this.rate=e;this.burst=t;this.left=t}rate;burst;left;since=0;take(e){return this.left=Math.min(this.burst,this.left+(e-this.since)*this.rate/1e3),this.
since=e,this.left<1?!1:(this.left--,!0)}};function P(o,e){return o.from-o.speed*(e-o.at)}var H=4,q=class{constructor(e){this.gap=e}gap;last=[];width=0;strips=0;resize(e,t){this.width=e,this.strips=Math.floor(t/H)}clear(){this.last.fill(void 0)}place(e,t,i,s=0){
let n=Math.ceil(e.height/H),a=this.width+s;for(let r=0;r+n<=this.strips;r+=n){if(this.firstTaken(r,n,a,t,i)>=0)continue;let d={...e,speed:t,from:a,at:i,top:r*H};for(let l=r;l<r+n;l++)this.last[l]=d;return d}}firstTaken(e,t,i,s,n){
let a;for(let r=e;r<e+t;r++){let h=this.last[r];if(!(h===a||!h)){if(!this.staysBehind(h,i,s,n))return r;a=h}}return-1}staysBehind(e,t,i,s){let n=P(e,s)+e.width+this.gap;return n>t?!1:n<=0||i<=e.speed?
!0:t-i*(n/e.speed)>=0}};var ae=[{font:22,track:36,speed:1},{font:18,track:28,speed:1.35},{font:15,track:20,speed:1.8},{font:15,track:20,speed:2.6}],he=1.4,de=3,z=12,T=60,le=120,F=900,ce=8e3,ue=250,C=class{constructor(e){this.
canvas=e;this.context=e.getContext("2d")}canvas;tracks=new q(z);context;flyers=[];waiting=[];spare=[];width=0;height=0;scale=1;ems=6;blank=!0;stood=0;clock=0;pace=1;drawn=0;offered=new y;shown=new y;pictures;look={
family:"sans-serif",times:1,speed:1};resize(){let{clientWidth:e,clientHeight:t}=this.canvas;this.scale=Math.min(2,devicePixelRatio||1),this.width=e,this.height=t,this.canvas.width=Math.round(e*this.scale),
this.canvas.height=Math.round(t*this.scale),this.tracks.resize(e,t-8)}add(e){if(this.offered.add(),this.waiting.push({comment:e,since:performance.now()-this.stood}),this.waiting.length<=le)return;let t=this.
waiting.findIndex(i=>i.comment.look!=="mine");this.waiting.splice(Math.max(0,t),1)}drop(e){this.waiting=this.waiting.filter(t=>!e(t.comment.message));for(let t of this.flyers)e(t.comment.message)&&(t.
sprite.width=1)}clear(){this.waiting=[],this.flyers=[],this.tracks.clear()}stand(e){this.stood+=e}draw(e){let t=e-this.stood,i=this.density(t),s=Math.max(0,t-this.drawn);this.pace+=(i.speed-this.pace)*
(1-Math.exp(-s/ue)),this.clock+=s*this.pace,this.drawn=t,this.launch(t,i);let{context:n,scale:a}=this;this.blank||n.clearRect(0,0,this.canvas.width,this.canvas.height),this.blank=this.flyers.length===
0;let r=0;for(let h of this.flyers){let d=P(h.flight,this.clock);if(d+h.flight.width<0){this.spare.length<64&&this.spare.push(h.sprite);continue}this.flyers[r++]=h,d<this.width&&n.drawImage(h.sprite,d*
a,h.flight.top*a+4*a)}this.flyers.length=r}launch(e,t){if(this.waiting=this.waiting.filter(r=>e-r.since<(r.comment.look==="mine"?ce:F)),!this.waiting.length||!this.width)return;let i=Math.max(2,Math.ceil(
this.waiting.length/6)),s=4,n=r=>+(r.comment.look==="mine"),a=this.waiting.sort((r,h)=>n(h)-n(r));this.waiting=[];for(let r of a)i>0&&s>0&&this.fly(r.comment,t)?i--:(s--,this.waiting.push(r))}get base(){
return .05+this.width/12e3}fly(e,{font:t,track:i}){let s=this.partsOf(me(e));this.context.font=`600 ${t}px ${this.look.family}`;let n=Math.ceil(s.reduce((h,d)=>h+this.widthOf(d,t),0))+A(e,t)*2,a=1+.3*
Math.min(1,n/this.width),r=this.tracks.place({width:n,height:i},this.base*a,this.clock,Math.random()*60);return r?(this.ems+=(n/t-this.ems)*.02,this.shown.add(),this.flyers.push({comment:e,flight:r,sprite:this.
paint(e,s,t,r)}),!0):!1}density(e){let t=Math.max(this.offered.perSecond(e),this.waiting.length*1e3/F),{times:i,speed:s}=this.look,n=ae.map(({font:r,track:h,speed:d})=>({font:r*i,track:h*i,speed:d*s}));
return n.find(({font:r,track:h,speed:d})=>{let l=(this.ems*r+z)/(this.base*d*1e3);return t<.75*Math.floor(this.height/h)/l})??n[n.length-1]}partsOf(e){let t=this.pictures?.in(e)??[],i=[];if(!t.length||
k(e)!==e)return[e];let s=0;for(let[n,a,r]of t){let h=this.pictures.of(r);h&&(i.push(e.slice(s,n),h),s=a)}return[...i,e.slice(s)].filter(n=>n!=="")}widthOf(e,t){return typeof e=="string"?this.context.measureText(
e).width:he*t*Math.min(de,e.naturalWidth/e.naturalHeight)}paint(e,t,i,{width:s,height:n}){let a=this.spare.pop()??document.createElement("canvas"),r=a.getContext("2d");a.width=Math.ceil(s*this.scale),
a.height=Math.ceil(n*this.scale),r.scale(this.scale,this.scale),e.look!=="plain"&&(r.fillStyle=e.look==="mine"?"rgb(82 70 214 / .62)":"rgb(160 96 0 / .62)",r.strokeStyle=e.look==="mine"?"#cfc9ff":"#ff\
d873",r.lineWidth=1.5,r.beginPath(),r.roundRect(1,1,s-2,n-2,n/2),r.fill(),r.stroke()),r.font=`600 ${i}px ${this.look.family}`,r.textBaseline="middle",r.lineJoin="round",r.lineWidth=i/6,r.strokeStyle="\
rgb(8 6 24 / .72)",r.fillStyle=e.look==="gift"?"#ffe9a8":e.look==="mine"||e.hue%3?"#fff":`oklch(.9 .1 ${e.hue})`;let h=n/2+1,d=A(e,i);for(let l of t){let c=t.length>1||typeof l!="string"?this.widthOf(
l,i):0;if(typeof l=="string")r.strokeText(l,d,h),r.fillText(l,d,h);else{let v=c*l.naturalHeight/l.naturalWidth;r.drawImage(l,d,h-v/2,c,v)}d+=c}return a}};function A(o,e){return o.look==="plain"?3:e*.7}
var fe=new Intl.Segmenter;function me({text:o,who:e}){return(e?`${k(e)} `:"")+k(ge(o))}function ge(o){let e=o.replace(/\s+/g," ");if(e.length<=T)return e;let t=[...fe.segment(e.slice(0,4*T))].map(i=>i.
segment);return t.length<=T?e:`${t.slice(0,T).join("")}…`}function D({userId:o,ts:e},t){return o!==""&&o===t.userId&&t.since<=e&&e<=t.until}var N=30,pe=22,B=1e3,U=600,be=200,J=`
.barrage { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--barrage-color, #fff); font: var(--barrage-weight, 600) var(--barrage-size, 22px)/1.35 var(--barrage-font, \
system-ui, sans-serif); text-shadow: var(--barrage-shadow, 0 1px 3px rgb(0 0 0 / .85), 0 0 2px rgb(0 0 0 / .85)); }
.barrage-sky { position: absolute; inset: 0 0 auto; width: 100%; height: calc(100% * var(--barrage-area, 1)); }
.barrage-list { position: absolute; inset: auto 0 0; display: grid; gap: var(--barrage-gap, .15em); margin: 0; padding: var(--barrage-padding, .6em); list-style: none; }
.barrage-row { overflow-wrap: anywhere; overflow: clip; overflow-clip-margin: .2em; }
.barrage-name { margin-inline-end: .45em; color: var(--barrage-accent, oklch(.86 .12 var(--barrage-hue))); unicode-bidi: isolate; }
.barrage-text { unicode-bidi: isolate; font-weight: var(--barrage-text-weight, 500); }
.barrage-emote { height: 1.4em; max-width: 4.2em; vertical-align: middle; object-fit: contain; }
.barrage-said { color: var(--barrage-accent, #ffe9a8); }
.barrage-fades .barrage-row { animation: barrage-out ${U}ms var(--barrage-fade) both; }
.barrage-stands .barrage-row { animation-play-state: paused; }
@keyframes barrage-out { to { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .barrage-sky { display: none; } }
`,j=class{#i;#e;#o;#s;#n;#c;#w=new S(N,2*N);#h;#r=[];#t=[];#u=[];#f=()=>"";#m=()=>{};#g=Date.now()-M();#M={date:void 0,since:0,drawn:0};#a=new b("",()=>{});#d=0;#p=-B;#l=!1;constructor(e,t={}){if(typeof e?.
append!="function")throw m(`cannot make an overlay: its place is ${f(e)}, want an element or a shadow root`);if(typeof t!="object"||t===null)throw m(`cannot make an overlay: the options are no object \
but ${f(t)}`);let{look:i="fly",lines:s=8,fadeMs:n=0,area:a=1,size:r,font:h,accent:d,hide:l=()=>!1}=t;if(!["fly","list","both"].includes(i))throw m(`cannot make an overlay: look is ${f(i)}, want fly, l\
ist or both`);if(O("lines",s,1,100),O("fadeMs",n,0,36e5),O("area",a,.1,1),r!==void 0&&O("size",r,8,200),typeof l!="function")throw m(`cannot make an overlay: hide is no function but ${f(l)}`);this.#s=
Math.floor(s),this.#n=n,this.#c=l;let c=this.#i=p("div",`barrage${n>0?" barrage-fades":""}`),v={size:r&&`${r}px`,font:h,accent:d,fade:`${n}ms`,area:t.area&&String(a)};for(let[u,w]of Object.entries(v))
w&&c.style.setProperty(`--barrage-${u}`,w);if(i!=="list"){let u=p("canvas","barrage-sky");u.ariaHidden="true",c.append(u);let w=this.#e=new C(u);this.#h=new ResizeObserver(()=>w.resize()),this.#h.observe(
u)}let G=globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches;(i!=="fly"||G)&&c.append(this.#o=p("ol","barrage-list")),e.append(c),this.#d=requestAnimationFrame(u=>this.#v(u))}show(e){if(typeof e?.
on!="function")throw m(`cannot show a room: it is ${f(e)}, want a Room or a Replay`);this.clear(),this.#f=()=>e.epoch,this.#m=()=>e.date,this.#a=new b(e.url??"",()=>{for(let{node:i,message:s}of[...this.#r,
...this.#t])this.#b(i.lastChild,s)}),this.#e&&(this.#e.pictures=this.#a);let t=i=>this.#y(i);this.#u=[e.on("message",(i,{history:s})=>{s||(this.#g=i.ts-M()),this.#x(i,e.epoch,s,e.date??M()+this.#g)}),
e.on("recalled",i=>t((s,n)=>R(i,s,n===e.epoch))),e.on("purged",i=>t(s=>D(s,i))),e.on("cleared",i=>{let s=[...this.#r,...this.#t],n=new Set(s.slice(0,W(s,i)).map(({message:a})=>a));t(a=>n.has(a)),this.#e?.
clear()})]}clear(){for(let e of this.#u.splice(0))e();this.#y(()=>!0),this.#e?.clear()}close(){this.clear(),cancelAnimationFrame(this.#d),this.#h?.disconnect(),this.#i.remove()}#x(e,t,i,s){if(e.recalled||
this.#c(e))return;let n=e.kind==="system",a=performance.now(),r=i?Math.max(0,s-e.ts):0;if(this.#o&&(this.#n===0||r<this.#n)&&(n||i||this.#w.take(a))&&(this.#t.push({message:e,epoch:t,node:this.#k(e,r),
endsAt:this.#n>0?a+this.#n-r+U:1/0}),this.#t.length>2*this.#s&&(this.#t=this.#t.slice(-this.#s))),i||document.hidden)return;let h=e.kind==="gift";this.#e?.add({message:e,text:e.body,...h?{who:L(e)}:{},
look:h||n?"gift":"plain",hue:E(e.userId)})}#k(e,t){let i=e.kind==="system",s=p("li",`barrage-row barrage-kind-${_(e.kind)}${i?" barrage-said":""}`),n=e.user?.role;typeof n=="string"&&n&&s.classList.add(
`barrage-role-${_(n)}`),s.style.setProperty("--barrage-hue",String(E(e.userId))),t>0&&(s.style.animationDelay=`${this.#n-t}ms`),s.part.add("row"),i||s.append(p("b","barrage-name",L(e))," ");let a=p("s\
pan","barrage-text");return a.dir="auto",this.#b(a,e),s.append(a),s}#b(e,{body:t}){let i=g(t),s=0;e.textContent="";for(let[n,a,r]of this.#a.in(i))e.append(i.slice(s,n),this.#a.image(r,"barrage-emote")),
s=a;e.append(i.slice(s))}#y(e){let t=({message:i,epoch:s,node:n})=>e(i,s)?(n.remove(),!1):!0;this.#r=this.#r.filter(t),this.#t=this.#t.filter(t),this.#e?.drop(i=>e(i,this.#f()))}#S(){if(this.#l=this.#i.
isConnected,!this.#l||getComputedStyle(this.#i).position!=="static")return;let e=this.#i.getRootNode(),t=new CSSStyleSheet;t.replaceSync(`@layer barrage { ${J} }`),e.adoptedStyleSheets=[...e.adoptedStyleSheets,
t]}#q(e,t){if(t-this.#p>=B){let{fontFamily:i,fontSize:s}=getComputedStyle(this.#i);e.look={family:i,times:parseFloat(s)/pe,speed:1},this.#p=t}e.draw(t)}#T(e){let t=this.#M,i=this.#m(),s=e-t.drawn;t.drawn=
e,i!==t.date&&Object.assign(t,{date:i,since:e});let n=i!==void 0&&e-t.since>be;if(this.#i.classList.toggle("barrage-stands",n),!!n){this.#e?.stand(s);for(let a of[...this.#r,...this.#t])a.endsAt+=s}}#v(e){
if(this.#d=requestAnimationFrame(n=>this.#v(n)),this.#l||this.#S(),this.#T(e),this.#e&&this.#q(this.#e,e),!this.#o)return;let t=this.#r.length>0&&this.#r[0].endsAt<=e;if(this.#t.length===0&&!t)return;
let i=[...this.#r,...this.#t.splice(0)],s=i.filter(({endsAt:n})=>n>e).slice(-this.#s);for(let n of i)s.includes(n)||n.node.remove();for(let{node:n}of s)n.isConnected||this.#o.append(n);this.#r=s}};function O(o,e,t,i){
if(!(typeof e=="number"&&e>=t&&e<=i))throw m(`cannot make an overlay: ${o} is ${f(e)}, want ${t} to ${i}`)}function _(o){return o.replace(/[^\w-]/g,"_").slice(0,32)}function p(o,e,t=""){let i=document.
createElement(o);return i.className=e,t&&(i.dir="auto",i.textContent=t),i}
