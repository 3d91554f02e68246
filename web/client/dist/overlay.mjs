import{BarrageError as N}from"./barrage.mjs";function u(o,e=String){try{return e(o)}catch{return typeof o}}function m(o){return new N("invalid",o)}function R(o,e,t){let{seq:i,userId:n,id:s,ts:a}=o;return n?n!==e.userId||s!==e.id?!1:s.startsWith("~")||Math.abs(a-e.ts)<=(s?12e4:0):t&&i>0&&i===e.seq}var C=/:([A-Za-z0-9_+-]{1,32}):/g;var b=class{#s;#e;#r=new Map;#t=new Map;#i=!1;constructor(e,t){this.#s=e,this.#e=t}async load(){if(!this.#i){this.#i=!0;try{let e=i=>new URL(i,this.#s).href,t=await(await fetch(e("emotes"))).json();for(let i in t)
this.#t.set(i,e(t[i]));this.#t.size&&this.#e([...this.#t.keys()])}catch{setTimeout(()=>this.#i=!1,6e4)}}}in(e){let t=[];for(let i;i=C.exec(e);)this.#t.has(i[1])?t.push([i.index,C.lastIndex,i[1]]):(C.lastIndex--,
this.load());return t}image(e,t="emote"){let i=new Image;return i.className=t,i.alt=i.title=`:${e}:`,i.crossOrigin="",i.src=this.#t.get(e),i}of(e){let t=this.#r.get(e)??this.image(e);return this.#r.set(
e,t),t.complete&&t.naturalWidth>0?t:void 0}};var _=/[\u202a-\u202e\u2066-\u2069]/g,J=/[\u0590-\u08ff\u200f\u061c\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;function g(o){return o.replace(_,"")}function v(o){let e=g(o);return J.
test(e)?`⁨${e}⁩`:e}var G=64,K=/[\p{Cc}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;function $({user:o,userId:e}){let t=o?.name;return typeof t!="string"?g(e):[...t.replace(/\s+/g," ").replace(K,"").
trim()].slice(0,G).join("").trim()||g(e)}function O(o){let e=2166136261;for(let t of o)e=Math.imul(e^t.codePointAt(0),16777619);return(e>>>0)%360}var y=class{count=0;since=0;rate=0;add(e=1){this.count+=e}perSecond(e){let t=e-this.since;if(t<50)return this.rate;let i=Math.exp(-t/1e3);return this.rate=this.rate*i+this.count*1e3/t*(1-i),this.count=
0,this.since=e,this.rate}},M=class{constructor(e,t){this.rate=e;this.burst=t;this.left=t}rate;burst;left;since=0;take(e){return this.left=Math.min(this.burst,this.left+(e-this.since)*this.rate/1e3),this.
since=e,this.left<1?!1:(this.left--,!0)}};function j(o,e){return o.from-o.speed*(e-o.at)}var P=4,x=class{constructor(e){this.gap=e}gap;last=[];width=0;strips=0;resize(e,t){this.width=e,this.strips=Math.floor(t/P)}clear(){this.last.fill(void 0)}place(e,t,i,n=0){
let s=Math.ceil(e.height/P),a=this.width+n;for(let r=0;r+s<=this.strips;r+=s){if(this.firstTaken(r,s,a,t,i)>=0)continue;let l={...e,speed:t,from:a,at:i,top:r*P};for(let d=r;d<r+s;d++)this.last[d]=l;return l}}firstTaken(e,t,i,n,s){
let a;for(let r=e;r<e+t;r++){let h=this.last[r];if(!(h===a||!h)){if(!this.staysBehind(h,i,n,s))return r;a=h}}return-1}staysBehind(e,t,i,n){let s=j(e,n)+e.width+this.gap;return s>t?!1:s<=0||i<=e.speed?
!0:t-i*(s/e.speed)>=0}};var Z=[{font:22,track:36,speed:1},{font:18,track:28,speed:1.35},{font:15,track:20,speed:1.8},{font:15,track:20,speed:2.6}],T=1.4,L=12,k=60,U=120,Q=900,V=8e3,S=class{constructor(e){this.canvas=e;this.context=
e.getContext("2d")}canvas;tracks=new x(L);context;flyers=[];waiting=[];spare=[];width=0;height=0;scale=1;ems=6;blank=!0;offered=new y;shown=new y;pictures;look={family:"sans-serif",times:1,speed:1};resize(){
let{clientWidth:e,clientHeight:t}=this.canvas;this.scale=Math.min(2,devicePixelRatio||1),this.width=e,this.height=t,this.canvas.width=Math.round(e*this.scale),this.canvas.height=Math.round(t*this.scale),
this.tracks.resize(e,t-8)}add(e){if(this.offered.add(),this.waiting.push({comment:e,since:performance.now()}),this.waiting.length<=U)return;let t=this.waiting.findIndex(i=>i.comment.look!=="mine");this.
waiting.splice(Math.max(0,t),1)}drop(e){this.waiting=this.waiting.filter(t=>!e(t.comment.message));for(let t of this.flyers)e(t.comment.message)&&(t.sprite.width=1)}clear(){this.waiting=[],this.flyers=
[],this.tracks.clear()}draw(e){this.launch(e);let{context:t,scale:i}=this;this.blank||t.clearRect(0,0,this.canvas.width,this.canvas.height),this.blank=this.flyers.length===0;let n=0;for(let s of this.
flyers){let a=j(s.flight,e);if(a+s.flight.width<0){this.spare.length<64&&this.spare.push(s.sprite);continue}this.flyers[n++]=s,a<this.width&&t.drawImage(s.sprite,a*i,s.flight.top*i+4*i)}this.flyers.length=
n}launch(e){if(this.waiting=this.waiting.filter(r=>e-r.since<(r.comment.look==="mine"?V:Q)),!this.waiting.length||!this.width)return;let t=this.density(e),i=Math.max(2,Math.ceil(this.waiting.length/6)),
n=4,s=r=>+(r.comment.look==="mine"),a=this.waiting.sort((r,h)=>s(h)-s(r));this.waiting=[];for(let r of a)i>0&&n>0&&this.fly(r.comment,t,e)?i--:(n--,this.waiting.push(r))}get base(){return .05+this.width/
12e3}fly(e,{font:t,track:i,speed:n},s){let a=this.partsOf(Y(e));this.context.font=`600 ${t}px ${this.look.family}`;let r=Math.ceil(a.reduce((d,c)=>d+this.widthOf(c,t),0))+I(e,t)*2,h=1+.3*Math.min(1,r/
this.width),l=this.tracks.place({width:r,height:i},this.base*n*h,s,Math.random()*60);return l?(this.ems+=(r/t-this.ems)*.02,this.shown.add(),this.flyers.push({comment:e,flight:l,sprite:this.paint(e,a,
t,l)}),!0):!1}density(e){let t=this.offered.perSecond(e),{times:i,speed:n}=this.look,s=Z.map(({font:r,track:h,speed:l})=>({font:r*i,track:h*i,speed:l*n}));return s.find(({font:r,track:h,speed:l})=>{let d=(this.
ems*r+L)/(this.base*l*1e3);return t<.75*Math.floor(this.height/h)/d})??s[s.length-1]}partsOf(e){let t=this.pictures?.in(e)??[],i=[];if(!t.length||v(e)!==e)return[e];let n=0;for(let[s,a,r]of t){let h=this.
pictures.of(r);h&&(i.push(e.slice(n,s),h),n=a)}return[...i,e.slice(n)].filter(s=>s!=="")}widthOf(e,t){return typeof e=="string"?this.context.measureText(e).width:T*t}paint(e,t,i,{width:n,height:s}){let a=this.
spare.pop()??document.createElement("canvas"),r=a.getContext("2d");a.width=Math.ceil(n*this.scale),a.height=Math.ceil(s*this.scale),r.scale(this.scale,this.scale),e.look!=="plain"&&(r.fillStyle=e.look===
"mine"?"rgb(82 70 214 / .62)":"rgb(160 96 0 / .62)",r.strokeStyle=e.look==="mine"?"#cfc9ff":"#ffd873",r.lineWidth=1.5,r.beginPath(),r.roundRect(1,1,n-2,s-2,s/2),r.fill(),r.stroke()),r.font=`600 ${i}px\
 ${this.look.family}`,r.textBaseline="middle",r.lineJoin="round",r.lineWidth=i/6,r.strokeStyle="rgb(8 6 24 / .72)",r.fillStyle=e.look==="gift"?"#ffe9a8":e.look==="mine"||e.hue%3?"#fff":`oklch(.9 .1 ${e.
hue})`;let h=s/2+1,l=T*i,d=I(e,i);for(let c of t)typeof c=="string"?(r.strokeText(c,d,h),r.fillText(c,d,h)):r.drawImage(c,d,h-l/2,l,l),d+=t.length>1?this.widthOf(c,i):0;return a}};function I(o,e){return o.
look==="plain"?3:e*.7}var X=new Intl.Segmenter;function Y({text:o,who:e}){return(e?`${v(e)} `:"")+v(ee(o))}function ee(o){let e=o.replace(/\s+/g," ");if(e.length<=k)return e;let t=[...X.segment(e.slice(
0,4*k))].map(i=>i.segment);return t.length<=k?e:`${t.slice(0,k).join("")}…`}function H({userId:o,ts:e},t){return o!==""&&o===t.userId&&t.since<=e&&e<=t.until}var E=30,te=22,A=1e3,W=600,ie=`
.barrage { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--barrage-color, #fff); font: var(--barrage-weight, 600) var(--barrage-size, 22px)/1.35 var(--barrage-font, \
system-ui, sans-serif); text-shadow: var(--barrage-shadow, 0 1px 3px rgb(0 0 0 / .85), 0 0 2px rgb(0 0 0 / .85)); }
.barrage-sky { position: absolute; inset: 0 0 auto; width: 100%; height: calc(100% * var(--barrage-area, 1)); }
.barrage-list { position: absolute; inset: auto 0 0; display: grid; gap: var(--barrage-gap, .15em); margin: 0; padding: var(--barrage-padding, .6em); list-style: none; }
.barrage-row { overflow-wrap: anywhere; overflow: clip; overflow-clip-margin: .2em; }
.barrage-name { margin-inline-end: .45em; color: var(--barrage-accent, oklch(.86 .12 var(--barrage-hue))); unicode-bidi: isolate; }
.barrage-text { unicode-bidi: isolate; font-weight: var(--barrage-text-weight, 500); }
.barrage-emote { height: 1.4em; vertical-align: middle; }
.barrage-said { color: var(--barrage-accent, #ffe9a8); }
.barrage-fades .barrage-row { animation: barrage-out ${W}ms var(--barrage-fade) both; }
@keyframes barrage-out { to { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .barrage-sky { display: none; } }
`,z=class{#s;#e;#r;#t;#i;#c;#y=new M(E,2*E);#h;#o=[];#n=[];#f=[];#u=()=>"";#a=new b("",()=>{});#l=0;#m=-A;#d=!1;constructor(e,t={}){if(typeof e?.append!="function")throw m(`cannot make an overlay: its\
 place is ${u(e)}, want an element or a shadow root`);if(typeof t!="object"||t===null)throw m(`cannot make an overlay: the options are no object but ${u(t)}`);let{look:i="fly",lines:n=8,fadeMs:s=0,area:a=1,
size:r,font:h,accent:l,hide:d=()=>!1}=t;if(!["fly","list","both"].includes(i))throw m(`cannot make an overlay: look is ${u(i)}, want fly, list or both`);if(q("lines",n,1,100),q("fadeMs",s,0,36e5),q("a\
rea",a,.1,1),r!==void 0&&q("size",r,8,200),typeof d!="function")throw m(`cannot make an overlay: hide is no function but ${u(d)}`);this.#t=Math.floor(n),this.#i=s,this.#c=d;let c=this.#s=p("div",`barr\
age${s>0?" barrage-fades":""}`),B={size:r&&`${r}px`,font:h,accent:l,fade:`${s}ms`,area:t.area&&String(a)};for(let[f,w]of Object.entries(B))w&&c.style.setProperty(`--barrage-${f}`,w);if(i!=="list"){let f=p(
"canvas","barrage-sky");f.ariaHidden="true",c.append(f);let w=this.#e=new S(f);this.#h=new ResizeObserver(()=>w.resize()),this.#h.observe(f)}let D=globalThis.matchMedia?.("(prefers-reduced-motion: red\
uce)").matches;(i!=="fly"||D)&&c.append(this.#r=p("ol","barrage-list")),e.append(c),this.#l=requestAnimationFrame(f=>this.#b(f))}show(e){if(typeof e?.on!="function")throw m(`cannot show a room: it is ${u(
e)}, want a Room or a Replay`);this.clear(),this.#u=()=>e.epoch,this.#a=new b(e.url??"",()=>{for(let{node:i,message:n}of[...this.#o,...this.#n])this.#g(i.lastChild,n)}),this.#e&&(this.#e.pictures=this.#a);
let t=i=>this.#p(i);this.#f=[e.on("message",(i,{history:n})=>this.#w(i,e.epoch,n,e.date??Date.now())),e.on("recalled",i=>t((n,s)=>R(i,n,s===e.epoch))),e.on("purged",i=>t(n=>H(n,i))),e.on("cleared",i=>t(
(n,s)=>s!==i.epoch||n.seq<=i.seq))]}clear(){for(let e of this.#f.splice(0))e();this.#p(()=>!0),this.#e?.clear()}close(){this.clear(),cancelAnimationFrame(this.#l),this.#h?.disconnect(),this.#s.remove()}#w(e,t,i,n){
if(e.recalled||this.#c(e))return;let s=e.kind==="system",a=performance.now(),r=i?Math.max(0,n-e.ts):0;if(this.#r&&(this.#i===0||r<this.#i)&&(s||i||this.#y.take(a))&&(this.#n.push({message:e,epoch:t,node:this.#v(
e,r),endsAt:this.#i>0?a+this.#i-r+W:1/0}),this.#n.length>2*this.#t&&(this.#n=this.#n.slice(-this.#t))),i||document.hidden)return;let h=e.kind==="gift";this.#e?.add({message:e,text:e.body,...h?{who:$(e)}:
{},look:h||s?"gift":"plain",hue:O(e.userId)})}#v(e,t){let i=e.kind==="system",n=p("li",`barrage-row barrage-kind-${F(e.kind)}${i?" barrage-said":""}`),s=e.user?.role;typeof s=="string"&&s&&n.classList.
add(`barrage-role-${F(s)}`),n.style.setProperty("--barrage-hue",String(O(e.userId))),t>0&&(n.style.animationDelay=`${this.#i-t}ms`),n.part.add("row"),i||n.append(p("b","barrage-name",$(e))," ");let a=p(
"span","barrage-text");return a.dir="auto",this.#g(a,e),n.append(a),n}#g(e,{body:t}){let i=g(t),n=0;e.textContent="";for(let[s,a,r]of this.#a.in(i))e.append(i.slice(n,s),this.#a.image(r,"barrage-emote")),
n=a;e.append(i.slice(n))}#p(e){let t=({message:i,epoch:n,node:s})=>e(i,n)?(s.remove(),!1):!0;this.#o=this.#o.filter(t),this.#n=this.#n.filter(t),this.#e?.drop(i=>e(i,this.#u()))}#M(){if(this.#d=this.#s.
isConnected,!this.#d||getComputedStyle(this.#s).position!=="static")return;let e=this.#s.getRootNode(),t=new CSSStyleSheet;t.replaceSync(`@layer barrage { ${ie} }`),e.adoptedStyleSheets=[...e.adoptedStyleSheets,
t]}#x(e,t){if(t-this.#m>=A){let{fontFamily:i,fontSize:n}=getComputedStyle(this.#s);e.look={family:i,times:parseFloat(n)/te,speed:1},this.#m=t}e.draw(performance.now())}#b(e){if(this.#l=requestAnimationFrame(
s=>this.#b(s)),this.#d||this.#M(),this.#e&&this.#x(this.#e,e),!this.#r)return;let t=this.#o.length>0&&this.#o[0].endsAt<=e;if(this.#n.length===0&&!t)return;let i=[...this.#o,...this.#n.splice(0)],n=i.
filter(({endsAt:s})=>s>e).slice(-this.#t);for(let s of i)n.includes(s)||s.node.remove();for(let{node:s}of n)s.isConnected||this.#r.append(s);this.#o=n}};function q(o,e,t,i){if(!(typeof e=="number"&&e>=
t&&e<=i))throw m(`cannot make an overlay: ${o} is ${u(e)}, want ${t} to ${i}`)}function F(o){return o.replace(/[^\w-]/g,"_").slice(0,32)}function p(o,e,t=""){let i=document.createElement(o);return i.className=
e,t&&(i.dir="auto",i.textContent=t),i}export{z as Overlay,ie as overlayStyle};
