import{BarrageError as J}from"./barrage.mjs";function f(o,e=String){try{return e(o)}catch{return typeof o}}function m(o){return new J("invalid",o)}function K(o,e){let t=o(),i=e(),n=0;return()=>{let s=o(),a=e(),r=a-i-(s-t);return r>1e3&&(n+=r),t=s,i=a,t+n}}var M=K(()=>performance.now(),()=>Date.now());function P(o,e,t){let{seq:i,userId:n,id:s,ts:a}=o;return n?n!==e.userId||s!==e.id?!1:s.startsWith("~")||Math.abs(a-e.ts)<=(s?12e4:0):t&&i>0&&i===e.seq}function I(o,{epoch:e,seq:t,later:i}){let n=o.findIndex(
s=>s.message&&(s.epoch===e?s.message.seq>t:i.includes(s.epoch??"")));return n<0?o.length:n}var k=/:([A-Za-z0-9_+-]{1,32}):/g;var Z=globalThis.matchMedia?.("(prefers-reduced-motion: reduce)");function Q(o){let e=document.createElement("canvas"),{naturalWidth:t,naturalHeight:i,className:n,title:s,alt:a}=o,r=Math.min(i,128);return Object.
assign(e,{className:n,title:s,height:r,width:t*r/i},a?{role:"img",ariaLabel:a}:{ariaHidden:"true"}),e.getContext("2d").drawImage(o,0,0,e.width,r),e}var b=class{#t;#e;#o=new Map;#i=new Map;#s=!1;constructor(e,t){
this.#t=e,this.#e=t}async load(){if(!this.#s){this.#s=!0;try{let e=n=>new URL(n,this.#t).href,t=await fetch(e("emotes"));if(!t.ok)throw t;let i=await t.json();for(let n in i)this.#i.set(n,e(i[n]));this.#i.
size&&this.#e([...this.#i.keys()])}catch{setTimeout(()=>this.#s=!1,6e4)}}}in(e){let t=[];k.lastIndex=0;for(let i;t.length<50&&(i=k.exec(e));)this.#i.has(i[1])?t.push([i.index,k.lastIndex,i[1]]):(k.lastIndex--,
this.load());return t}image(e,t="emote"){let i=new Image;return i.className=t,i.alt=i.title=`:${e}:`,i.crossOrigin="",i.src=this.#i.get(e),Z?.matches&&(i.onload=()=>i.replaceWith(Q(i))),i}of(e){let t=this.#o.
get(e)??this.image(e);return this.#o.set(e,t),t.complete&&t.naturalWidth>0?t:void 0}};var V=/[\u202a-\u202e\u2066-\u2069]/g,X=/[\u0590-\u08ff\u200f\u061c\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;function g(o){return o.replace(V,"")}function x(o){let e=g(o);return X.
test(e)?`⁨${e}⁩`:e}var Y=64,ee=/[\p{Cc}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;function L({user:o,userId:e}){let t=o?.name;return typeof t!="string"?g(e):[...t.replace(/\s+/g," ").replace(ee,"").
trim()].slice(0,Y).join("").trim()||g(e)}function R(o){let e=2166136261;for(let t of o)e=Math.imul(e^t.codePointAt(0),16777619);return(e>>>0)%360}var y=class{count=0;since=0;rate=0;add(e=1){this.count+=e}perSecond(e){let t=e-this.since;if(t<50)return this.rate;let i=Math.exp(-t/1e3);return this.rate=this.rate*i+this.count*1e3/t*(1-i),this.count=
0,this.since=e,this.rate}},S=class{constructor(e,t){this.rate=e;this.burst=t;this.left=t}rate;burst;left;since=0;take(e){return this.left=Math.min(this.burst,this.left+(e-this.since)*this.rate/1e3),this.
since=e,this.left<1?!1:(this.left--,!0)}};function j(o,e){return o.from-o.speed*(e-o.at)}var $=4,T=class{constructor(e){this.gap=e}gap;last=[];width=0;strips=0;resize(e,t){this.width=e,this.strips=Math.floor(t/$)}clear(){this.last.fill(void 0)}place(e,t,i,n=0){
let s=Math.ceil(e.height/$),a=this.width+n;for(let r=0;r+s<=this.strips;r+=s){if(this.firstTaken(r,s,a,t,i)>=0)continue;let d={...e,speed:t,from:a,at:i,top:r*$};for(let l=r;l<r+s;l++)this.last[l]=d;return d}}firstTaken(e,t,i,n,s){
let a;for(let r=e;r<e+t;r++){let h=this.last[r];if(!(h===a||!h)){if(!this.staysBehind(h,i,n,s))return r;a=h}}return-1}staysBehind(e,t,i,n){let s=j(e,n)+e.width+this.gap;return s>t?!1:s<=0||i<=e.speed?
!0:t-i*(s/e.speed)>=0}};var te=[{font:22,track:36,speed:1},{font:18,track:28,speed:1.35},{font:15,track:20,speed:1.8},{font:15,track:20,speed:2.6}],ie=1.4,ne=3,A=12,O=60,se=120,z=900,re=8e3,oe=250,C=class{constructor(e){this.
canvas=e;this.context=e.getContext("2d")}canvas;tracks=new T(A);context;flyers=[];waiting=[];spare=[];width=0;height=0;scale=1;ems=6;blank=!0;stood=0;clock=0;pace=1;drawn=0;offered=new y;shown=new y;pictures;look={
family:"sans-serif",times:1,speed:1};resize(){let{clientWidth:e,clientHeight:t}=this.canvas;this.scale=Math.min(2,devicePixelRatio||1),this.width=e,this.height=t,this.canvas.width=Math.round(e*this.scale),
this.canvas.height=Math.round(t*this.scale),this.tracks.resize(e,t-8)}add(e){if(this.offered.add(),this.waiting.push({comment:e,since:performance.now()-this.stood}),this.waiting.length<=se)return;let t=this.
waiting.findIndex(i=>i.comment.look!=="mine");this.waiting.splice(Math.max(0,t),1)}drop(e){this.waiting=this.waiting.filter(t=>!e(t.comment.message));for(let t of this.flyers)e(t.comment.message)&&(t.
sprite.width=1)}clear(){this.waiting=[],this.flyers=[],this.tracks.clear()}stand(e){this.stood+=e}draw(e){let t=e-this.stood,i=this.density(t),n=Math.max(0,t-this.drawn);this.pace+=(i.speed-this.pace)*
(1-Math.exp(-n/oe)),this.clock+=n*this.pace,this.drawn=t,this.launch(t,i);let{context:s,scale:a}=this;this.blank||s.clearRect(0,0,this.canvas.width,this.canvas.height),this.blank=this.flyers.length===
0;let r=0;for(let h of this.flyers){let d=j(h.flight,this.clock);if(d+h.flight.width<0){this.spare.length<64&&this.spare.push(h.sprite);continue}this.flyers[r++]=h,d<this.width&&s.drawImage(h.sprite,d*
a,h.flight.top*a+4*a)}this.flyers.length=r}launch(e,t){if(this.waiting=this.waiting.filter(r=>e-r.since<(r.comment.look==="mine"?re:z)),!this.waiting.length||!this.width)return;let i=Math.max(2,Math.ceil(
this.waiting.length/6)),n=4,s=r=>+(r.comment.look==="mine"),a=this.waiting.sort((r,h)=>s(h)-s(r));this.waiting=[];for(let r of a)i>0&&n>0&&this.fly(r.comment,t)?i--:(n--,this.waiting.push(r))}get base(){
return .05+this.width/12e3}fly(e,{font:t,track:i}){let n=this.partsOf(he(e));this.context.font=`600 ${t}px ${this.look.family}`;let s=Math.ceil(n.reduce((h,d)=>h+this.widthOf(d,t),0))+W(e,t)*2,a=1+.3*
Math.min(1,s/this.width),r=this.tracks.place({width:s,height:i},this.base*a,this.clock,Math.random()*60);return r?(this.ems+=(s/t-this.ems)*.02,this.shown.add(),this.flyers.push({comment:e,flight:r,sprite:this.
paint(e,n,t,r)}),!0):!1}density(e){let t=Math.max(this.offered.perSecond(e),this.waiting.length*1e3/z),{times:i,speed:n}=this.look,s=te.map(({font:r,track:h,speed:d})=>({font:r*i,track:h*i,speed:d*n}));
return s.find(({font:r,track:h,speed:d})=>{let l=(this.ems*r+A)/(this.base*d*1e3);return t<.75*Math.floor(this.height/h)/l})??s[s.length-1]}partsOf(e){let t=this.pictures?.in(e)??[],i=[];if(!t.length||
x(e)!==e)return[e];let n=0;for(let[s,a,r]of t){let h=this.pictures.of(r);h&&(i.push(e.slice(n,s),h),n=a)}return[...i,e.slice(n)].filter(s=>s!=="")}widthOf(e,t){return typeof e=="string"?this.context.measureText(
e).width:ie*t*Math.min(ne,e.naturalWidth/e.naturalHeight)}paint(e,t,i,{width:n,height:s}){let a=this.spare.pop()??document.createElement("canvas"),r=a.getContext("2d");a.width=Math.ceil(n*this.scale),
a.height=Math.ceil(s*this.scale),r.scale(this.scale,this.scale),e.look!=="plain"&&(r.fillStyle=e.look==="mine"?"rgb(82 70 214 / .62)":"rgb(160 96 0 / .62)",r.strokeStyle=e.look==="mine"?"#cfc9ff":"#ff\
d873",r.lineWidth=1.5,r.beginPath(),r.roundRect(1,1,n-2,s-2,s/2),r.fill(),r.stroke()),r.font=`600 ${i}px ${this.look.family}`,r.textBaseline="middle",r.lineJoin="round",r.lineWidth=i/6,r.strokeStyle="\
rgb(8 6 24 / .72)",r.fillStyle=e.look==="gift"?"#ffe9a8":e.look==="mine"||e.hue%3?"#fff":`oklch(.9 .1 ${e.hue})`;let h=s/2+1,d=W(e,i);for(let l of t){let c=t.length>1||typeof l!="string"?this.widthOf(
l,i):0;if(typeof l=="string")r.strokeText(l,d,h),r.fillText(l,d,h);else{let v=c*l.naturalHeight/l.naturalWidth;r.drawImage(l,d,h-v/2,c,v)}d+=c}return a}};function W(o,e){return o.look==="plain"?3:e*.7}
var ae=new Intl.Segmenter;function he({text:o,who:e}){return(e?`${x(e)} `:"")+x(de(o))}function de(o){let e=o.replace(/\s+/g," ");if(e.length<=O)return e;let t=[...ae.segment(e.slice(0,4*O))].map(i=>i.
segment);return t.length<=O?e:`${t.slice(0,O).join("")}…`}function F({userId:o,ts:e},t){return o!==""&&o===t.userId&&t.since<=e&&e<=t.until}var N=30,le=22,D=1e3,_=600,ce=200,ue=`
.barrage { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--barrage-color, #fff); font: var(--barrage-weight, 600) var(--barrage-size, 22px)/1.35 var(--barrage-font, \
system-ui, sans-serif); text-shadow: var(--barrage-shadow, 0 1px 3px rgb(0 0 0 / .85), 0 0 2px rgb(0 0 0 / .85)); }
.barrage-sky { position: absolute; inset: 0 0 auto; width: 100%; height: calc(100% * var(--barrage-area, 1)); }
.barrage-list { position: absolute; inset: auto 0 0; display: grid; gap: var(--barrage-gap, .15em); margin: 0; padding: var(--barrage-padding, .6em); list-style: none; }
.barrage-row { overflow-wrap: anywhere; overflow: clip; overflow-clip-margin: .2em; }
.barrage-name { margin-inline-end: .45em; color: var(--barrage-accent, oklch(.86 .12 var(--barrage-hue))); unicode-bidi: isolate; }
.barrage-text { unicode-bidi: isolate; font-weight: var(--barrage-text-weight, 500); }
.barrage-emote { height: 1.4em; max-width: 4.2em; vertical-align: middle; object-fit: contain; }
.barrage-said { color: var(--barrage-accent, #ffe9a8); }
.barrage-fades .barrage-row { animation: barrage-out ${_}ms var(--barrage-fade) both; }
.barrage-stands .barrage-row { animation-play-state: paused; }
@keyframes barrage-out { to { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .barrage-sky { display: none; } }
`,q=class{#t;#e;#o;#i;#s;#a;#u=new S(N,2*N);#h;#r=[];#n=[];#d=[];#l=()=>"";#g=()=>{};#p=Date.now()-M();#M={date:void 0,since:0,drawn:0};#c=new b("",()=>{});#f=0;#b=-D;#m=!1;constructor(e,t={}){if(typeof e?.
append!="function")throw m(`cannot make an overlay: its place is ${f(e)}, want an element or a shadow root`);if(typeof t!="object"||t===null)throw m(`cannot make an overlay: the options are no object \
but ${f(t)}`);let{look:i="fly",lines:n=8,fadeMs:s=0,area:a=1,size:r,font:h,accent:d,hide:l=()=>!1}=t;if(!["fly","list","both"].includes(i))throw m(`cannot make an overlay: look is ${f(i)}, want fly, l\
ist or both`);if(E("lines",n,1,100),E("fadeMs",s,0,36e5),E("area",a,.1,1),r!==void 0&&E("size",r,8,200),typeof l!="function")throw m(`cannot make an overlay: hide is no function but ${f(l)}`);this.#i=
Math.floor(n),this.#s=s,this.#a=l;let c=this.#t=p("div",`barrage${s>0?" barrage-fades":""}`),v={size:r&&`${r}px`,font:h,accent:d,fade:`${s}ms`,area:t.area&&String(a)};for(let[u,w]of Object.entries(v))
w&&c.style.setProperty(`--barrage-${u}`,w);if(i!=="list"){let u=p("canvas","barrage-sky");u.ariaHidden="true",c.append(u);let w=this.#e=new C(u);this.#h=new ResizeObserver(()=>w.resize()),this.#h.observe(
u)}let U=globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches;(i!=="fly"||U)&&c.append(this.#o=p("ol","barrage-list")),e.append(c),this.#f=requestAnimationFrame(u=>this.#w(u))}show(e){if(typeof e?.
on!="function")throw m(`cannot show a room: it is ${f(e)}, want a Room or a Replay`);this.clear(),this.#l=()=>e.epoch,this.#g=()=>e.date,this.#c=new b(e.url??"",()=>{for(let{node:i,message:n}of[...this.#r,
...this.#n])this.#y(i.lastChild,n)}),this.#e&&(this.#e.pictures=this.#c);let t=i=>this.#v(i);this.#d=[e.on("message",(i,{history:n})=>{n||(this.#p=i.ts-M()),this.#k(i,e.epoch,n,e.date??M()+this.#p)}),
e.on("recalled",i=>t((n,s)=>P(i,n,s===e.epoch))),e.on("purged",i=>t(n=>F(n,i))),e.on("cleared",i=>{let n=[...this.#r,...this.#n],s=new Set(n.slice(0,I(n,i)).map(({message:a})=>a));t(a=>s.has(a)),this.#e?.
clear()})]}clear(){for(let e of this.#d.splice(0))e();this.#v(()=>!0),this.#e?.clear()}close(){this.clear(),cancelAnimationFrame(this.#f),this.#h?.disconnect(),this.#t.remove()}#k(e,t,i,n){if(e.recalled||
this.#a(e))return;let s=e.kind==="system",a=performance.now(),r=i?Math.max(0,n-e.ts):0;if(this.#o&&(this.#s===0||r<this.#s)&&(s||i||this.#u.take(a))&&(this.#n.push({message:e,epoch:t,node:this.#x(e,r),
endsAt:this.#s>0?a+this.#s-r+_:1/0}),this.#n.length>2*this.#i&&(this.#n=this.#n.slice(-this.#i))),i||document.hidden)return;let h=e.kind==="gift";this.#e?.add({message:e,text:e.body,...h?{who:L(e)}:{},
look:h||s?"gift":"plain",hue:R(e.userId)})}#x(e,t){let i=e.kind==="system",n=p("li",`barrage-row barrage-kind-${B(e.kind)}${i?" barrage-said":""}`),s=e.user?.role;typeof s=="string"&&s&&n.classList.add(
`barrage-role-${B(s)}`),n.style.setProperty("--barrage-hue",String(R(e.userId))),t>0&&(n.style.animationDelay=`${this.#s-t}ms`),n.part.add("row"),i||n.append(p("b","barrage-name",L(e))," ");let a=p("s\
pan","barrage-text");return a.dir="auto",this.#y(a,e),n.append(a),n}#y(e,{body:t}){let i=g(t),n=0;e.textContent="";for(let[s,a,r]of this.#c.in(i))e.append(i.slice(n,s),this.#c.image(r,"barrage-emote")),
n=a;e.append(i.slice(n))}#v(e){let t=({message:i,epoch:n,node:s})=>e(i,n)?(s.remove(),!1):!0;this.#r=this.#r.filter(t),this.#n=this.#n.filter(t),this.#e?.drop(i=>e(i,this.#l()))}#S(){if(this.#m=this.#t.
isConnected,!this.#m||getComputedStyle(this.#t).position!=="static")return;let e=this.#t.getRootNode(),t=new CSSStyleSheet;t.replaceSync(`@layer barrage { ${ue} }`),e.adoptedStyleSheets=[...e.adoptedStyleSheets,
t]}#T(e,t){if(t-this.#b>=D){let{fontFamily:i,fontSize:n}=getComputedStyle(this.#t);e.look={family:i,times:parseFloat(n)/le,speed:1},this.#b=t}e.draw(t)}#O(e){let t=this.#M,i=this.#g(),n=e-t.drawn;t.drawn=
e,i!==t.date&&Object.assign(t,{date:i,since:e});let s=i!==void 0&&e-t.since>ce;if(this.#t.classList.toggle("barrage-stands",s),!!s){this.#e?.stand(n);for(let a of[...this.#r,...this.#n])a.endsAt+=n}}#w(e){
if(this.#f=requestAnimationFrame(s=>this.#w(s)),this.#m||this.#S(),this.#O(e),this.#e&&this.#T(this.#e,e),!this.#o)return;let t=this.#r.length>0&&this.#r[0].endsAt<=e;if(this.#n.length===0&&!t)return;
let i=[...this.#r,...this.#n.splice(0)],n=i.filter(({endsAt:s})=>s>e).slice(-this.#i);for(let s of i)n.includes(s)||s.node.remove();for(let{node:s}of n)s.isConnected||this.#o.append(s);this.#r=n}};function E(o,e,t,i){
if(!(typeof e=="number"&&e>=t&&e<=i))throw m(`cannot make an overlay: ${o} is ${f(e)}, want ${t} to ${i}`)}function B(o){return o.replace(/[^\w-]/g,"_").slice(0,32)}function p(o,e,t=""){let i=document.
createElement(o);return i.className=e,t&&(i.dir="auto",i.textContent=t),i}import{Room as fe}from"./barrage.mjs";var me=":host { display: block; position: relative; min-height: 1em; } :host([hidden]) { display: none; }",ge=["room","url","user-id","token","look","lines","fade",
"area","size","font","accent"],pe=globalThis.HTMLElement??class{},H=class extends pe{static observedAttributes=ge;#t;#e;#o;#i=!1;get live(){return this.#e}get getToken(){return this.#t}set getToken(e){
this.#t=e,this.#a()}connectedCallback(){this.#s(),this.#a()}disconnectedCallback(){this.#a()}attributeChangedCallback(){this.#a()}#s(){if(!Object.hasOwn(this,"getToken"))return;let e=this,t=e.getToken;
delete e.getToken,this.getToken=t}#a(){this.#i||(this.#i=!0,queueMicrotask(()=>{this.#i=!1,this.#h(),this.isConnected&&this.getAttribute("room")&&this.#u()}))}#u(){try{let e=this.#o=new q(this.#n(),this.#d()),
t=this.#e=new fe(this.#l());e.show(t),t.on("error",i=>this.#r(i)),t.connect()}catch(e){this.#h(),this.#r(e)}}#h(){this.#o?.close(),this.#e?.close(),this.#o=this.#e=void 0}#r(e){this.dispatchEvent(new CustomEvent(
"barrage-error",{detail:e}))}#n(){if(this.shadowRoot)return this.shadowRoot;let e=this.attachShadow({mode:"open"}),t=new CSSStyleSheet;return t.replaceSync(me),e.adoptedStyleSheets=[t],e}#d(){let e=(i,n=1)=>this.
hasAttribute(i)?Number(this.getAttribute(i))*n:void 0,t={look:this.getAttribute("look")??void 0,lines:e("lines"),fadeMs:e("fade",1e3),area:e("area"),size:e("size"),font:this.getAttribute("font")??void 0,
accent:this.getAttribute("accent")??void 0};return G(t)}#l(){let[e,t,i,n]=["room","url","user-id","token"].map(s=>this.getAttribute(s)??void 0);return G({room:e,url:t,userId:i,...this.#t?{getToken:this.#t}:
{token:n}})}};function G(o){return Object.fromEntries(Object.entries(o).filter(([,e])=>e!==void 0))}globalThis.customElements&&!customElements.get("barrage-room")&&customElements.define("barrage-room",
H);export{H as BarrageRoom};
