import{BarrageError as U}from"./barrage.mjs";function f(o,e=String){try{return e(o)}catch{return typeof o}}function m(o){return new U("invalid",o)}function J(o,e){let t=o(),i=e(),n=0;return()=>{let s=o(),a=e(),r=a-i-(s-t);return r>1e3&&(n+=r),t=s,i=a,t+n}}var M=J(()=>performance.now(),()=>Date.now());function P(o,e,t){let{seq:i,userId:n,id:s,ts:a}=o;return n?n!==e.userId||s!==e.id?!1:s.startsWith("~")||Math.abs(a-e.ts)<=(s?12e4:0):t&&i>0&&i===e.seq}function j(o,{epoch:e,seq:t,later:i}){let n=o.findIndex(
s=>s.message&&(s.epoch===e?s.message.seq>t:i.includes(s.epoch??"")));return n<0?o.length:n}var x=/:([A-Za-z0-9_+-]{1,32}):/g;var G=globalThis.matchMedia?.("(prefers-reduced-motion: reduce)");function K(o){let e=document.createElement("canvas"),{naturalWidth:t,naturalHeight:i,className:n,title:s,alt:a}=o,r=Math.min(i,128);return Object.
assign(e,{className:n,title:s,height:r,width:t*r/i},a?{role:"img",ariaLabel:a}:{ariaHidden:"true"}),e.getContext("2d").drawImage(o,0,0,e.width,r),e}var b=class{#i;#e;#o=new Map;#s=new Map;#n=!1;constructor(e,t){
this.#i=e,this.#e=t}async load(){if(!this.#n){this.#n=!0;try{let e=n=>new URL(n,this.#i).href,t=await fetch(e("emotes"));if(!t.ok)throw t;let i=await t.json();for(let n in i)this.#s.set(n,e(i[n]));this.#s.
size&&this.#e([...this.#s.keys()])}catch{setTimeout(()=>this.#n=!1,6e4)}}}in(e){let t=[];x.lastIndex=0;for(let i;t.length<50&&(i=x.exec(e));)this.#s.has(i[1])?t.push([i.index,x.lastIndex,i[1]]):(x.lastIndex--,
this.load());return t}image(e,t="emote"){let i=new Image;return i.className=t,i.alt=i.title=`:${e}:`,i.crossOrigin="",i.src=this.#s.get(e),G?.matches&&(i.onload=()=>i.replaceWith(K(i))),i}of(e){let t=this.#o.
get(e)??this.image(e);return this.#o.set(e,t),t.complete&&t.naturalWidth>0?t:void 0}};var Z=/[\u202a-\u202e\u2066-\u2069]/g,Q=/[\u0590-\u08ff\u200f\u061c\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;function g(o){return o.replace(Z,"")}function k(o){let e=g(o);return Q.
test(e)?`⁨${e}⁩`:e}var V=64,X=/[\p{Cc}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;function $({user:o,userId:e}){let t=o?.name;return typeof t!="string"?g(e):[...t.replace(/\s+/g," ").replace(X,"").
trim()].slice(0,V).join("").trim()||g(e)}function L(o){let e=2166136261;for(let t of o)e=Math.imul(e^t.codePointAt(0),16777619);return(e>>>0)%360}var y=class{count=0;since=0;rate=0;add(e=1){this.count+=e}perSecond(e){let t=e-this.since;if(t<50)return this.rate;let i=Math.exp(-t/1e3);return this.rate=this.rate*i+this.count*1e3/t*(1-i),this.count=
0,this.since=e,this.rate}},S=class{constructor(e,t){this.rate=e;this.burst=t;this.left=t}rate;burst;left;since=0;take(e){return this.left=Math.min(this.burst,this.left+(e-this.since)*this.rate/1e3),this.
since=e,this.left<1?!1:(this.left--,!0)}};function H(o,e){return o.from-o.speed*(e-o.at)}var E=4,q=class{constructor(e){this.gap=e}gap;last=[];width=0;strips=0;resize(e,t){this.width=e,this.strips=Math.floor(t/E)}clear(){this.last.fill(void 0)}place(e,t,i,n=0){
let s=Math.ceil(e.height/E),a=this.width+n;for(let r=0;r+s<=this.strips;r+=s){if(this.firstTaken(r,s,a,t,i)>=0)continue;let d={...e,speed:t,from:a,at:i,top:r*E};for(let l=r;l<r+s;l++)this.last[l]=d;return d}}firstTaken(e,t,i,n,s){
let a;for(let r=e;r<e+t;r++){let h=this.last[r];if(!(h===a||!h)){if(!this.staysBehind(h,i,n,s))return r;a=h}}return-1}staysBehind(e,t,i,n){let s=H(e,n)+e.width+this.gap;return s>t?!1:s<=0||i<=e.speed?
!0:t-i*(s/e.speed)>=0}};var Y=[{font:22,track:36,speed:1},{font:18,track:28,speed:1.35},{font:15,track:20,speed:1.8},{font:15,track:20,speed:2.6}],ee=1.4,te=3,I=12,T=60,ie=120,R=900,se=8e3,ne=250,C=class{constructor(e){this.
canvas=e;this.context=e.getContext("2d")}canvas;tracks=new q(I);context;flyers=[];waiting=[];spare=[];width=0;height=0;scale=1;ems=6;blank=!0;stood=0;clock=0;pace=1;drawn=0;offered=new y;shown=new y;pictures;look={
family:"sans-serif",times:1,speed:1};resize(){let{clientWidth:e,clientHeight:t}=this.canvas;this.scale=Math.min(2,devicePixelRatio||1),this.width=e,this.height=t,this.canvas.width=Math.round(e*this.scale),
this.canvas.height=Math.round(t*this.scale),this.tracks.resize(e,t-8)}add(e){if(this.offered.add(),this.waiting.push({comment:e,since:performance.now()-this.stood}),this.waiting.length<=ie)return;let t=this.
waiting.findIndex(i=>i.comment.look!=="mine");this.waiting.splice(Math.max(0,t),1)}drop(e){this.waiting=this.waiting.filter(t=>!e(t.comment.message));for(let t of this.flyers)e(t.comment.message)&&(t.
sprite.width=1)}clear(){this.waiting=[],this.flyers=[],this.tracks.clear()}stand(e){this.stood+=e}draw(e){let t=e-this.stood,i=this.density(t),n=Math.max(0,t-this.drawn);this.pace+=(i.speed-this.pace)*
(1-Math.exp(-n/ne)),this.clock+=n*this.pace,this.drawn=t,this.launch(t,i);let{context:s,scale:a}=this;this.blank||s.clearRect(0,0,this.canvas.width,this.canvas.height),this.blank=this.flyers.length===
0;let r=0;for(let h of this.flyers){let d=H(h.flight,this.clock);if(d+h.flight.width<0){this.spare.length<64&&this.spare.push(h.sprite);continue}this.flyers[r++]=h,d<this.width&&s.drawImage(h.sprite,d*
a,h.flight.top*a+4*a)}this.flyers.length=r}launch(e,t){if(this.waiting=this.waiting.filter(r=>e-r.since<(r.comment.look==="mine"?se:R)),!this.waiting.length||!this.width)return;let i=Math.max(2,Math.ceil(
this.waiting.length/6)),n=4,s=r=>+(r.comment.look==="mine"),a=this.waiting.sort((r,h)=>s(h)-s(r));this.waiting=[];for(let r of a)i>0&&n>0&&this.fly(r.comment,t)?i--:(n--,this.waiting.push(r))}get base(){
return .05+this.width/12e3}fly(e,{font:t,track:i}){let n=this.partsOf(oe(e));this.context.font=`600 ${t}px ${this.look.family}`;let s=Math.ceil(n.reduce((h,d)=>h+this.widthOf(d,t),0))+W(e,t)*2,a=1+.3*
Math.min(1,s/this.width),r=this.tracks.place({width:s,height:i},this.base*a,this.clock,Math.random()*60);return r?(this.ems+=(s/t-this.ems)*.02,this.shown.add(),this.flyers.push({comment:e,flight:r,sprite:this.
paint(e,n,t,r)}),!0):!1}density(e){let t=Math.max(this.offered.perSecond(e),this.waiting.length*1e3/R),{times:i,speed:n}=this.look,s=Y.map(({font:r,track:h,speed:d})=>({font:r*i,track:h*i,speed:d*n}));
return s.find(({font:r,track:h,speed:d})=>{let l=(this.ems*r+I)/(this.base*d*1e3);return t<.75*Math.floor(this.height/h)/l})??s[s.length-1]}partsOf(e){let t=this.pictures?.in(e)??[],i=[];if(!t.length||
k(e)!==e)return[e];let n=0;for(let[s,a,r]of t){let h=this.pictures.of(r);h&&(i.push(e.slice(n,s),h),n=a)}return[...i,e.slice(n)].filter(s=>s!=="")}widthOf(e,t){return typeof e=="string"?this.context.measureText(
e).width:ee*t*Math.min(te,e.naturalWidth/e.naturalHeight)}paint(e,t,i,{width:n,height:s}){let a=this.spare.pop()??document.createElement("canvas"),r=a.getContext("2d");a.width=Math.ceil(n*this.scale),
a.height=Math.ceil(s*this.scale),r.scale(this.scale,this.scale),e.look!=="plain"&&(r.fillStyle=e.look==="mine"?"rgb(82 70 214 / .62)":"rgb(160 96 0 / .62)",r.strokeStyle=e.look==="mine"?"#cfc9ff":"#ff\
d873",r.lineWidth=1.5,r.beginPath(),r.roundRect(1,1,n-2,s-2,s/2),r.fill(),r.stroke()),r.font=`600 ${i}px ${this.look.family}`,r.textBaseline="middle",r.lineJoin="round",r.lineWidth=i/6,r.strokeStyle="\
rgb(8 6 24 / .72)",r.fillStyle=e.look==="gift"?"#ffe9a8":e.look==="mine"||e.hue%3?"#fff":`oklch(.9 .1 ${e.hue})`;let h=s/2+1,d=W(e,i);for(let l of t){let c=t.length>1||typeof l!="string"?this.widthOf(
l,i):0;if(typeof l=="string")r.strokeText(l,d,h),r.fillText(l,d,h);else{let v=c*l.naturalHeight/l.naturalWidth;r.drawImage(l,d,h-v/2,c,v)}d+=c}return a}};function W(o,e){return o.look==="plain"?3:e*.7}
var re=new Intl.Segmenter;function oe({text:o,who:e}){return(e?`${k(e)} `:"")+k(ae(o))}function ae(o){let e=o.replace(/\s+/g," ");if(e.length<=T)return e;let t=[...re.segment(e.slice(0,4*T))].map(i=>i.
segment);return t.length<=T?e:`${t.slice(0,T).join("")}…`}function z({userId:o,ts:e},t){return o!==""&&o===t.userId&&t.since<=e&&e<=t.until}var F=30,he=22,A=1e3,B=600,de=200,le=`
.barrage { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--barrage-color, #fff); font: var(--barrage-weight, 600) var(--barrage-size, 22px)/1.35 var(--barrage-font, \
system-ui, sans-serif); text-shadow: var(--barrage-shadow, 0 1px 3px rgb(0 0 0 / .85), 0 0 2px rgb(0 0 0 / .85)); }
.barrage-sky { position: absolute; inset: 0 0 auto; width: 100%; height: calc(100% * var(--barrage-area, 1)); }
.barrage-list { position: absolute; inset: auto 0 0; display: grid; gap: var(--barrage-gap, .15em); margin: 0; padding: var(--barrage-padding, .6em); list-style: none; }
.barrage-row { overflow-wrap: anywhere; overflow: clip; overflow-clip-margin: .2em; }
.barrage-name { margin-inline-end: .45em; color: var(--barrage-accent, oklch(.86 .12 var(--barrage-hue))); unicode-bidi: isolate; }
.barrage-text { unicode-bidi: isolate; font-weight: var(--barrage-text-weight, 500); }
.barrage-emote { height: 1.4em; max-width: 4.2em; vertical-align: middle; object-fit: contain; }
.barrage-said { color: var(--barrage-accent, #ffe9a8); }
.barrage-fades .barrage-row { animation: barrage-out ${B}ms var(--barrage-fade) both; }
.barrage-stands .barrage-row { animation-play-state: paused; }
@keyframes barrage-out { to { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .barrage-sky { display: none; } }
`,D=class{#i;#e;#o;#s;#n;#c;#w=new S(F,2*F);#h;#r=[];#t=[];#u=[];#f=()=>"";#m=()=>{};#g=Date.now()-M();#M={date:void 0,since:0,drawn:0};#a=new b("",()=>{});#d=0;#p=-A;#l=!1;constructor(e,t={}){if(typeof e?.
append!="function")throw m(`cannot make an overlay: its place is ${f(e)}, want an element or a shadow root`);if(typeof t!="object"||t===null)throw m(`cannot make an overlay: the options are no object \
but ${f(t)}`);let{look:i="fly",lines:n=8,fadeMs:s=0,area:a=1,size:r,font:h,accent:d,hide:l=()=>!1}=t;if(!["fly","list","both"].includes(i))throw m(`cannot make an overlay: look is ${f(i)}, want fly, l\
ist or both`);if(O("lines",n,1,100),O("fadeMs",s,0,36e5),O("area",a,.1,1),r!==void 0&&O("size",r,8,200),typeof l!="function")throw m(`cannot make an overlay: hide is no function but ${f(l)}`);this.#s=
Math.floor(n),this.#n=s,this.#c=l;let c=this.#i=p("div",`barrage${s>0?" barrage-fades":""}`),v={size:r&&`${r}px`,font:h,accent:d,fade:`${s}ms`,area:t.area&&String(a)};for(let[u,w]of Object.entries(v))
w&&c.style.setProperty(`--barrage-${u}`,w);if(i!=="list"){let u=p("canvas","barrage-sky");u.ariaHidden="true",c.append(u);let w=this.#e=new C(u);this.#h=new ResizeObserver(()=>w.resize()),this.#h.observe(
u)}let _=globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches;(i!=="fly"||_)&&c.append(this.#o=p("ol","barrage-list")),e.append(c),this.#d=requestAnimationFrame(u=>this.#v(u))}show(e){if(typeof e?.
on!="function")throw m(`cannot show a room: it is ${f(e)}, want a Room or a Replay`);this.clear(),this.#f=()=>e.epoch,this.#m=()=>e.date,this.#a=new b(e.url??"",()=>{for(let{node:i,message:n}of[...this.#r,
...this.#t])this.#b(i.lastChild,n)}),this.#e&&(this.#e.pictures=this.#a);let t=i=>this.#y(i);this.#u=[e.on("message",(i,{history:n})=>{n||(this.#g=i.ts-M()),this.#x(i,e.epoch,n,e.date??M()+this.#g)}),
e.on("recalled",i=>t((n,s)=>P(i,n,s===e.epoch))),e.on("purged",i=>t(n=>z(n,i))),e.on("cleared",i=>{let n=[...this.#r,...this.#t],s=new Set(n.slice(0,j(n,i)).map(({message:a})=>a));t(a=>s.has(a)),this.#e?.
clear()})]}clear(){for(let e of this.#u.splice(0))e();this.#y(()=>!0),this.#e?.clear()}close(){this.clear(),cancelAnimationFrame(this.#d),this.#h?.disconnect(),this.#i.remove()}#x(e,t,i,n){if(e.recalled||
this.#c(e))return;let s=e.kind==="system",a=performance.now(),r=i?Math.max(0,n-e.ts):0;if(this.#o&&(this.#n===0||r<this.#n)&&(s||i||this.#w.take(a))&&(this.#t.push({message:e,epoch:t,node:this.#k(e,r),
endsAt:this.#n>0?a+this.#n-r+B:1/0}),this.#t.length>2*this.#s&&(this.#t=this.#t.slice(-this.#s))),i||document.hidden)return;let h=e.kind==="gift";this.#e?.add({message:e,text:e.body,...h?{who:$(e)}:{},
look:h||s?"gift":"plain",hue:L(e.userId)})}#k(e,t){let i=e.kind==="system",n=p("li",`barrage-row barrage-kind-${N(e.kind)}${i?" barrage-said":""}`),s=e.user?.role;typeof s=="string"&&s&&n.classList.add(
`barrage-role-${N(s)}`),n.style.setProperty("--barrage-hue",String(L(e.userId))),t>0&&(n.style.animationDelay=`${this.#n-t}ms`),n.part.add("row"),i||n.append(p("b","barrage-name",$(e))," ");let a=p("s\
pan","barrage-text");return a.dir="auto",this.#b(a,e),n.append(a),n}#b(e,{body:t}){let i=g(t),n=0;e.textContent="";for(let[s,a,r]of this.#a.in(i))e.append(i.slice(n,s),this.#a.image(r,"barrage-emote")),
n=a;e.append(i.slice(n))}#y(e){let t=({message:i,epoch:n,node:s})=>e(i,n)?(s.remove(),!1):!0;this.#r=this.#r.filter(t),this.#t=this.#t.filter(t),this.#e?.drop(i=>e(i,this.#f()))}#S(){if(this.#l=this.#i.
isConnected,!this.#l||getComputedStyle(this.#i).position!=="static")return;let e=this.#i.getRootNode(),t=new CSSStyleSheet;t.replaceSync(`@layer barrage { ${le} }`),e.adoptedStyleSheets=[...e.adoptedStyleSheets,
t]}#q(e,t){if(t-this.#p>=A){let{fontFamily:i,fontSize:n}=getComputedStyle(this.#i);e.look={family:i,times:parseFloat(n)/he,speed:1},this.#p=t}e.draw(t)}#T(e){let t=this.#M,i=this.#m(),n=e-t.drawn;t.drawn=
e,i!==t.date&&Object.assign(t,{date:i,since:e});let s=i!==void 0&&e-t.since>de;if(this.#i.classList.toggle("barrage-stands",s),!!s){this.#e?.stand(n);for(let a of[...this.#r,...this.#t])a.endsAt+=n}}#v(e){
if(this.#d=requestAnimationFrame(s=>this.#v(s)),this.#l||this.#S(),this.#T(e),this.#e&&this.#q(this.#e,e),!this.#o)return;let t=this.#r.length>0&&this.#r[0].endsAt<=e;if(this.#t.length===0&&!t)return;
let i=[...this.#r,...this.#t.splice(0)],n=i.filter(({endsAt:s})=>s>e).slice(-this.#s);for(let s of i)n.includes(s)||s.node.remove();for(let{node:s}of n)s.isConnected||this.#o.append(s);this.#r=n}};function O(o,e,t,i){
if(!(typeof e=="number"&&e>=t&&e<=i))throw m(`cannot make an overlay: ${o} is ${f(e)}, want ${t} to ${i}`)}function N(o){return o.replace(/[^\w-]/g,"_").slice(0,32)}function p(o,e,t=""){let i=document.
createElement(o);return i.className=e,t&&(i.dir="auto",i.textContent=t),i}export{D as Overlay,le as overlayStyle};
